"""Events: why a pod waits where its status does not say so, as for a missing volume."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from pydatatask_core.errors import ClusterError
from pydatatask_exec.kubernetes.cluster.api import PodApi
from pydatatask_exec.kubernetes.pods.conditions import PodCondition
from pydatatask_exec.kubernetes.pods.fields import text_of
from pydatatask_exec.kubernetes.pods.sidecars import MAIN_CONTAINERS
from pydatatask_exec.kubernetes.pods.state import Phase, PodState

__all__ = ["PodEvents"]

_log = logging.getLogger("pydatatask.pod")

_USUAL_WAIT = timedelta(seconds=30)
_USUAL_LINGERING = timedelta(seconds=60)
_MINIMUM_INTERVAL_SECONDS = 60.0
_NOTHING_ELSE = PodCondition("", "")


class PodEvents:
    """Explains what pods wait for, asking for the events of each at most once a minute."""

    def __init__(self) -> None:
        self._warnings: dict[str, tuple[float, PodCondition]] = {}
        self._heap: list[tuple[datetime, str]] = []
        self._tracked: set[str] = set()

    def track(self, pod: PodState) -> None:
        """Have a pod returned by :meth:`due` if it waits for unusually long.

        :param pod: The pod.
        """
        if pod.uid not in self._tracked:
            self._tracked.add(pod.uid)
            heapq.heappush(self._heap, (pod.created + _USUAL_WAIT, pod.uid))

    def untrack(self, uid: str) -> None:
        """Untrack a pod that is gone.

        :param uid: Its uid.
        """
        self._tracked.discard(uid)
        self._warnings.pop(uid, None)

    def due(self, get: Callable[[str], PodState | None], now: datetime) -> Iterator[PodState]:
        """Yield each pod that waits for unusually long, for a reason that its status does not have, once.

        :param get: Returns the state of a pod, or None if it is gone.
        :param now: The API server's time.
        """
        while self._heap and self._heap[0][0] <= now:
            pod = get(heapq.heappop(self._heap)[1])
            if pod is not None and _waits_for_unknown(pod):
                yield pod

    async def explain(self, api: PodApi, pod: PodState, now: datetime) -> str | None:
        """Return what an operator should know of a pod on one line, or None if all goes its usual way.

        :param api: Makes the requests.
        :param pod: The pod.
        :param now: The API server's time.
        """
        if pod.condition is not None:
            return str(pod.condition)
        if pod.terminating:
            return "is being deleted"
        if lingering := _lingering(pod, now):
            return lingering
        if pod.phase is not Phase.PENDING or now - pod.created < _USUAL_WAIT:
            return None
        waited = f"Pending for {_minutes(now - pod.created)} min"
        condition = await self.condition(api, pod)
        return f"{waited}: {condition}" if condition else waited

    async def condition(self, api: PodApi, pod: PodState) -> PodCondition | None:
        """Return why a pod waits, from its status or from the latest warning about it.

        :param api: Makes the requests.
        :param pod: The pod.
        """
        if not _waits_for_unknown(pod):
            return pod.condition
        asked, condition = self._warnings.get(pod.uid, (float("-inf"), _NOTHING_ELSE))
        if time.monotonic() - asked >= _MINIMUM_INTERVAL_SECONDS:
            condition = await _latest_warning(api, pod) or condition
            self._warnings[pod.uid] = (time.monotonic(), condition)
        return None if condition is _NOTHING_ELSE else condition


async def _latest_warning(api: PodApi, pod: PodState) -> PodCondition | None:
    try:
        events = await api.events(pod.uid)
    except ClusterError as error:
        # Reading events needs a right of its own, and a role without it is enough for everything else.
        _log.debug("task %s, job %s: no events: %s", pod.identity.task, pod.job, error)
        return None
    warnings = [event for event in events if event.get("type") == "Warning"]
    if not warnings:
        return None
    latest = max(warnings, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return PodCondition("Event", text_of(latest.get("reason")), text_of(latest.get("message")))


def _waits_for_unknown(pod: PodState) -> bool:
    return pod.phase is Phase.PENDING and pod.condition is None and not pod.terminating


def _lingering(pod: PodState, now: datetime) -> str | None:
    """Say that some main containers run on long after others have ended: perhaps they are side-cars."""
    main = [container for container in pod.containers if container.main]
    running = [container.name for container in main if container.exit_code is None]
    ends = [container.ended for container in main if container.ended is not None]
    if not running or not ends or now - max(ends) < _USUAL_LINGERING:
        return None
    return (
        f"container {', '.join(running)} still runs, {_minutes(now - max(ends))} min after the others have ended; if "
        f"the job does not depend on it, name the other ones in the annotation {MAIN_CONTAINERS}"
    )


def _minutes(duration: timedelta) -> int:
    return int(duration.total_seconds() // 60)
