"""Logs of pods: the raw bytes of all containers, in blocks."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

from pydatatask_core.errors import ClusterAccessError, ClusterError, ClusterUnreachableError, PydatataskError
from pydatatask_exec.kubernetes.cluster.api import PodApi
from pydatatask_exec.kubernetes.pods.containers import Container
from pydatatask_exec.kubernetes.pods.state import PodState, pod_state

__all__ = ["PodGoneError", "annotated_pod_log", "is_temporary", "lost_log", "pod_log"]

_log = logging.getLogger("pydatatask.pod")

_BLOCK = 65536
_TEMPORARY = frozenset({401, 408, 429, 502, 503, 504})


class PodGoneError(PydatataskError):
    """A pod was deleted by somebody else before its log had been read."""


def is_temporary(error: ClusterError) -> bool:
    """Return whether an error says nothing about the log itself, so that the same request may succeed later.

    :param error: The error of the request.
    """
    return isinstance(error, ClusterUnreachableError) or error.status in _TEMPORARY


async def pod_log(api: PodApi, pod: PodState) -> AsyncGenerator[bytes, None]:
    """Yield the log of a pod: that of its container, or those of several, each under a header line.

    :param api: Makes the requests.
    :param pod: The pod.
    :raises ClusterError: The log cannot be read.
    """
    async for _, block in _blocks(api, pod):
        if isinstance(block, ClusterError):
            raise block
        yield block


async def annotated_pod_log(api: PodApi, pod: PodState, may_retry: bool = True) -> AsyncGenerator[bytes, None]:
    """Yield the log of a pod, with a line in place of what cannot be read.

    :param api: Makes the requests.
    :param pod: The pod.
    :param may_retry: Whether to raise a temporary error, rather than write a line about it.
    :raises ClusterError: The cluster failed, or could not be reached, for now.
    :raises PodGoneError: There is no such pod any more.
    """
    async for container, block in _blocks(api, pod):
        if isinstance(block, bytes):
            yield block
        elif may_retry and is_temporary(block):
            raise block
        elif block.status == 404 and await _is_gone(api, pod):
            raise PodGoneError(f"pod {pod.name} is gone, and its log with it") from block
        else:
            level = logging.ERROR if isinstance(block, ClusterAccessError) else logging.WARNING
            _log.log(level, "task %s, job %s: its log is not kept whole: %s", pod.identity.task, pod.job, block)
            yield _note(f"the log of container {container.name} could not be fetched: {block}")
    for container in pod.containers:
        if not _may_have_log(pod, container):
            yield _note(f"container {container.name} never ran{f': {pod.condition}' if pod.condition else ''}")


def lost_log(pod: PodState) -> bytes:
    """Return what stands in place of the log of a pod that was gone before its log was read.

    :param pod: The last state of the pod.
    """
    return _note(f"the pod was deleted before its log was read{f': {pod.condition}' if pod.condition else ''}")


async def _is_gone(api: PodApi, pod: PodState) -> bool:
    """Return whether a log was not found because its pod is gone; a node may lack the log of a pod that exists."""
    present = await api.get(pod.name)
    found = None if present is None else pod_state(present)
    return found is None or found.uid != pod.uid


def _note(text: str) -> bytes:
    return f"[pydatatask: {text}]\n".encode()


def _may_have_log(pod: PodState, container: Container) -> bool:
    """Return whether a container may have a log; for one that has never run, the server answers with an error."""
    return pod.node is not None and container.ran is not False


async def _blocks(api: PodApi, pod: PodState) -> AsyncGenerator[tuple[Container, bytes | ClusterError], None]:
    """Yield what can be read of each container, and perhaps an error as the last item of a container."""
    several = len(pod.containers) > 1
    line_begins = True
    for container in pod.containers:
        if not _may_have_log(pod, container):
            continue
        if several:
            yield container, f"{'' if line_begins else chr(10)}==> {container.name} <==\n".encode()
        line_begins = True
        try:
            async with api.log(pod.name, container.name) as stream:
                while block := await stream.read(_BLOCK):
                    line_begins = block.endswith(b"\n")
                    yield container, block
        except ClusterError as error:
            if not line_begins:
                yield container, b"\n"
            yield container, error
            line_begins = True
