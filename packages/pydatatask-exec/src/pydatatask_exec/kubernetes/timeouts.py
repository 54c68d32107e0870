"""Timeouts of pods: find those whose time has run out, at a cost that does not grow with the number of pods."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

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

    def add(self, pod: PodState) -> None:
        """Start the time of a pod.

        :param pod: The pod.
        """
        if self._timeout is not None:
            heapq.heappush(self._heap, (pod.created + self._timeout, pod.uid))

    def due(self, get: Callable[[str], PodState | None]) -> Iterator[PodState]:
        """Yield each pod that has timed out, once.

        Pods that are about to end by themselves get a minute more: those whose containers have ended, and those that
        are being deleted, counted from the end of their grace period. A pod that is still there after that has lost its
        node, say.

        :param get: Returns the state of a pod, or None if it is gone.
        """
        now = datetime.now(UTC)
        while self._heap and self._heap[0][0] <= now:
            at, uid = heapq.heappop(self._heap)
            pod = get(uid)
            if pod is None or pod.finished:
                continue
            end = at
            if pod.deadline is not None:
                end = max(at, pod.deadline + _GRACE)
            elif pod.all_ended:
                end = max(at, (pod.ended or at) + _GRACE)
            if end > now:
                heapq.heappush(self._heap, (end, uid))
            else:
                yield pod
