"""Finding the pods whose time is over, at a cost that does not depend on how many there are."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from pydatatask_exec.kubernetes.pods.state import PodState

__all__ = ["PodDeadlines"]

_GRACE = timedelta(seconds=60)


class PodDeadlines:
    """When which pod has had its time, counted from its creation.

    :param timeout: How long a pod may take, or None.
    """

    def __init__(self, timeout: timedelta | None) -> None:
        self._timeout = timeout
        self._heap: list[tuple[datetime, str]] = []

    def add(self, pod: PodState) -> None:
        """Count the time of a pod.

        :param pod: The pod.
        """
        if self._timeout is not None:
            heapq.heappush(self._heap, (pod.created + self._timeout, pod.uid))

    def due(self, get: Callable[[str], PodState | None]) -> Iterator[PodState]:
        """Give the pods whose time is over, each once; those that are about to end by themselves get a minute more.

        A pod that is being deleted is to be gone soon after its grace; if it is not, since its node is lost say, its
        time is over as well.

        :param get: Gives the state of a pod, or None if it is gone.
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

    def again(self, pod: PodState) -> None:
        """Have a pod given again soon, as it could not be stopped.

        :param pod: The pod.
        """
        heapq.heappush(self._heap, (datetime.now(UTC) + timedelta(seconds=1), pod.uid))
