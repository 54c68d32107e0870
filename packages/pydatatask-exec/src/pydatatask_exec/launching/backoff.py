"""Not trying job after job on a target that cannot be reached."""

from __future__ import annotations

import time

from pydatatask_core.quotas.launch_offers import offer_under_way
from pydatatask_core.quotas.resources import ResourceType

__all__ = ["TargetBackoff"]

_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = 300.0


class TargetBackoff:
    """Knows whether a target could be reached lately; one job tries it from time to time, and the others wait.

    After five minutes all of them try, and fail, so that a run comes to the end that it deserves.
    """

    def __init__(self) -> None:
        self._failing_since: float | None = None
        self._retry_at = 0.0

    def succeeded(self) -> None:
        """Take note that the target has been reached."""
        self._failing_since = None

    def failed(self) -> None:
        """Take note that the target could not be reached."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        self._retry_at = now + _PAUSE_SECONDS

    def must_wait(self) -> bool:
        """Tell whether a launch is not to be tried now; the scheduler is told that there is no room for the job."""
        now = time.monotonic()
        if self._failing_since is None or now >= self._retry_at or now - self._failing_since > _PATIENCE_SECONDS:
            return False
        offer = offer_under_way()
        if offer is not None:
            offer.refused = ResourceType.RATE
        return True
