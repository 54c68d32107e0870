"""Back off from a target that cannot be reached, instead of trying job after job."""

from __future__ import annotations

import time

from pydatatask_core.quotas.launch_offers import active_offer
from pydatatask_core.quotas.resources import ResourceType

__all__ = ["TargetBackoff"]

_RETRY_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 300.0


class TargetBackoff:
    """Whether a target could be reached lately. While it cannot, one job tries it now and then, and the others wait.

    After five minutes all of them try, and fail, so that the run ends with the reason.
    """

    def __init__(self) -> None:
        self._failing_since: float | None = None
        self._retry_at = 0.0

    def succeeded(self) -> None:
        """Record that the target has been reached."""
        self._failing_since = None

    def failed(self) -> None:
        """Record that the target could not be reached."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        self._retry_at = now + _RETRY_SECONDS

    def must_wait(self) -> bool:
        """Return whether to put off a launch. If so, the scheduler is notified that there is no room for the job."""
        now = time.monotonic()
        if self._failing_since is None or now >= self._retry_at or now - self._failing_since > _LONGEST_WAIT_SECONDS:
            return False
        offer = active_offer()
        if offer is not None:
            offer.refused = ResourceType.RATE
        return True
