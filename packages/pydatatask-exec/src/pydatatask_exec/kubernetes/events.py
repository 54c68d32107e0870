"""Events: why a pod waits where its status does not say so, as for a missing volume."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from pydatatask_core.errors import ClusterError
from pydatatask_exec.kubernetes.cluster.api import PodApi
from pydatatask_exec.kubernetes.pods.state import Phase, PodState

__all__ = ["PodEvents"]

_log = logging.getLogger("pydatatask.pod")

_USUAL_WAIT = timedelta(seconds=30)
_MINIMUM_INTERVAL_SECONDS = 60.0
_LONGEST = 500


class PodEvents:
    """Explains what pods wait for, asking for the events of each at most once a minute."""

    def __init__(self) -> None:
        self._warnings: dict[str, tuple[float, str]] = {}

    def untrack(self, uid: str) -> None:
        """Untrack a pod that is gone.

        :param uid: Its uid.
        """
        self._warnings.pop(uid, None)

    async def explain(self, api: PodApi, pod: PodState) -> str | None:
        """Return what an operator should know of a pod on one line, or None if all goes its usual way.

        :param api: Makes the requests.
        :param pod: The pod.
        """
        if pod.condition is not None:
            return str(pod.condition)
        now = datetime.now(UTC)
        if pod.terminating:
            return "is being deleted"
        if pod.phase is not Phase.PENDING or now - pod.created < _USUAL_WAIT:
            return None
        waited = f"Pending for {int((now - pod.created).total_seconds() // 60)} min"
        warning = await self._warning(api, pod)
        return f"{waited}: {warning}" if warning else waited

    async def _warning(self, api: PodApi, pod: PodState) -> str:
        """Return the latest warning about a pod, or an empty text."""
        asked, warning = self._warnings.get(pod.uid, (float("-inf"), ""))
        if time.monotonic() - asked < _MINIMUM_INTERVAL_SECONDS:
            return warning
        try:
            events = await api.events(pod.uid)
        except ClusterError as error:
            # Reading events needs a right of its own, and a role without it is enough for everything else.
            _log.debug("task %s, job %s: no events: %s", pod.identity.task, pod.job, error)
            events = []
        warnings = [event for event in events if event.get("type") == "Warning"]
        warnings.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
        if warnings:
            warning = f"{warnings[-1].get('reason')}: {' '.join(str(warnings[-1].get('message')).split())}"[:_LONGEST]
        self._warnings[pod.uid] = (time.monotonic(), warning)
        return warning
