"""Finding out why a pod waits where its status does not tell, but the events about it do: a missing volume, say."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from pydatatask_core.errors import ClusterError
from pydatatask_exec.kubernetes.cluster.api import PodApi
from pydatatask_exec.kubernetes.pods.state import Phase, PodState

__all__ = ["PodEvents"]

_PATIENCE = timedelta(seconds=30)
_AGAIN_SECONDS = 60.0
_LONGEST = 500


class PodEvents:
    """Says what is known about pods that wait for long, asking about each now and then."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, str]] = {}

    def forget(self, uid: str) -> None:
        """Forget a pod that is gone.

        :param uid: Its uid.
        """
        self._told.pop(uid, None)

    async def note(self, api: PodApi, pod: PodState) -> str | None:
        """Say what an operator should know of a pod.

        :param api: Makes the requests.
        :param pod: The pod.
        :returns: One line, or None if all goes its usual way.
        """
        if pod.remark is not None:
            return str(pod.remark)
        now = datetime.now(UTC)
        if pod.terminating:
            return "is being deleted"
        if pod.phase is not Phase.PENDING or now - pod.created < _PATIENCE:
            return None
        waited = f"Pending for {int((now - pod.created).total_seconds() // 60)} min"
        warning = await self._warning(api, pod)
        return f"{waited}: {warning}" if warning else waited

    async def _warning(self, api: PodApi, pod: PodState) -> str:
        """Give the latest warning about a pod; without the right to read events there is none."""
        asked, warning = self._told.get(pod.uid, (float("-inf"), ""))
        if time.monotonic() - asked < _AGAIN_SECONDS:
            return warning
        try:
            events = await api.events(pod.uid)
        except ClusterError:
            events = []  # a remark is worth no error; the pod is shown as waiting all the same
        warnings = [event for event in events if event.get("type") == "Warning"]
        warnings.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
        if warnings:
            warning = f"{warnings[-1].get('reason')}: {' '.join(str(warnings[-1].get('message')).split())}"[:_LONGEST]
        self._told[pod.uid] = (time.monotonic(), warning)
        return warning
