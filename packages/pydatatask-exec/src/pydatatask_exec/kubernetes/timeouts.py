"""Timeouts of pods: find those whose time has run out, at a cost that does not grow with the number of pods."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from pydatatask_exec.kubernetes.pods.state import PodState

__all__ = ["PodTimeouts"]

_GRACE = timedelta(seconds=60)


class PodTimeouts:
    """The times at which the pods of a task time out, counted from their creation.

    :param timeout: How long a pod may take, or None.
    """

    def __init__(self, timeout: timedelta | None) -> None:
        self._timeout = timeout
        self._heap: list[tuple[datetime, str]] = []
        self._tracked: set[str] = set()

    def track(self, pod: PodState) -> None:
        """Start the time of a pod, unless that has been done before.

        :param pod: The pod.
        """
        if self._timeout is not None and pod.uid not in self._tracked:
            self._tracked.add(pod.uid)
            heapq.heappush(self._heap, (pod.created + self._timeout, pod.uid))

    def untrack(self, uid: str) -> None:
        """Untrack a pod that is gone.

        :param uid: Its uid.
        """
        self._tracked.discard(uid)

    def due(self, get: Callable[[str], PodState | None], now: datetime) -> Iterator[PodState]:
        """Yield each pod that has timed out, once.

        Pods that are about to end by themselves get a minute more: those whose containers have ended, and those that
        are being deleted, counted from the end of their grace period. A pod that is still there after that has lost its
        node, say.

        :param get: Returns the state of a pod, or None if it is gone.
        :param now: The API server's time, since it has written the times of pods.
        """
        while self._heap and self._heap[0][0] <= now:
            at, uid = heapq.heappop(self._heap)
            pod = get(uid)
            if pod is None or pod.finished:
                continue
            end = at
            if pod.deadline is not None:
                end = max(at, pod.deadline + _GRACE)
            elif pod.main_ended:
                end = max(at, (pod.ended or at) + _GRACE)
            if end > now:
                heapq.heappush(self._heap, (end, uid))
            else:
                yield pod
