"""The watch: keep the cache of pods in sync with the cluster by one list, and one stream of changes after it.

The list returns the pods and a resource version, and the watch returns what has changed since that version. A stream
that ends is followed by another one from the last version seen, without another list.

Pods are listed again in two cases. The server may have dropped the history since the version: it says so by HTTP status
410, or by an event of type ERROR. And behind a connection that broke there may be a cluster that was restored from a
backup, whose versions are lower, so that a watch from a later version would stay silent.

Without the right to watch, pods are listed at an interval.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator

from pydatatask_core.errors import ClusterAccessError, ClusterError, ClusterUnreachableError
from pydatatask_exec.kubernetes.cluster.api import PodApi
from pydatatask_exec.kubernetes.cluster.cache import KnownPod, PodCache, known_pod
from pydatatask_exec.kubernetes.cluster.client import Stream, parsed_object
from pydatatask_exec.kubernetes.cluster.errors import EXPIRED, cluster_error, unintelligible
from pydatatask_exec.kubernetes.pods.fields import Manifest, mappings, section
from pydatatask_exec.kubernetes.pods.state import version_number

__all__ = ["PodWatch", "WatchTimes"]

_log = logging.getLogger("pydatatask.pod")

_BLOCK = 65536
_PURPOSE = "watch pods"
_SOON = 1.0


class WatchTimes:
    """The intervals and timeouts of a watch.

    :param poll: Seconds between two lists, without the right to watch. Listing takes no more than a twentieth of the
        time.
    :param stream: Seconds after which the server ends a stream, at least; up to twice that.
    :param silence: Seconds without data after which a stream counts as broken; servers send a bookmark each minute.
    :param first_delay: Seconds of back-off after a failure; doubled for each further failure.
    :param longest_delay: The longest back-off in seconds.
    """

    def __init__(
        self,
        poll: float = 1.0,
        stream: float = 300.0,
        silence: float = 150.0,
        first_delay: float = 0.25,
        longest_delay: float = 30.0,
    ) -> None:
        self.poll = poll
        self.stream = stream
        self.silence = silence
        self.first_delay = first_delay
        self.longest_delay = longest_delay


class PodWatch:
    """Keeps a cache in sync while :meth:`run` runs.

    :param api: Makes the requests.
    :param cache: The cache.
    :param selector: Which pods, by their labels.
    :param times: The intervals and timeouts.
    """

    def __init__(self, api: PodApi, cache: PodCache, selector: str, times: WatchTimes) -> None:
        self._api = api
        self._cache = cache
        self._selector = selector
        self._times = times
        self._version = ""
        self._listed = asyncio.Event()
        self._failure: Exception | None = None
        self._failures = 0
        self._may_watch = True
        self._took = 0.0

    async def ready(self) -> None:
        """Wait until the cache has been filled for the first time.

        :raises ClusterError: That has failed, and is going to be tried again.
        """
        if not self._listed.is_set() or self._failure is not None:
            await self._listed.wait()
            if self._failure is not None:
                raise self._failure

    async def run(self) -> None:
        """Keep the cache in sync until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                if self._may_watch:
                    await self._follow()
                else:
                    await self._wait_for_next_list()
            except ClusterError as error:
                await self._failed(error)
            except asyncio.CancelledError:
                self._failure = ClusterError("the pod manager has been closed")
                self._listed.set()  # so that ready() does not wait for ever
                raise
            except Exception as error:
                # Whatever it is, without the watch no pod would ever be reaped: list again, which needs nothing that
                # was known before.
                _log.error("the watch of pods failed unexpectedly", exc_info=error if self._failures == 0 else None)
                self._version = ""
                self._report(error)
                await self._back_off()

    # Listing

    async def _list(self) -> None:
        begin = time.monotonic()
        pods, version = await self._pages()
        self._cache.replace(pods, version_number(version))
        self._version = version
        if self._listed.is_set():  # the first list takes longer: it connects, and imports the client
            self._took = time.monotonic() - begin
        self._failure = None
        self._listed.set()

    async def _pages(self) -> tuple[list[KnownPod], str]:
        """List all pods, page by page; start again if the server drops the version of the first page meanwhile."""
        attempts = 3
        while True:
            pods: list[KnownPod] = []
            token = ""
            try:
                while True:
                    page = await self._api.page(self._selector, token)
                    pods += await asyncio.to_thread(_known_pods, page)
                    metadata = section(page, "metadata")
                    token = str(metadata.get("continue") or "")
                    if not token:
                        return pods, str(metadata.get("resourceVersion"))
            except ClusterError as error:
                attempts -= 1
                if error.status != 410 or not attempts:
                    raise

    async def _wait_for_next_list(self) -> None:
        self._version = ""
        await asyncio.sleep(max(self._times.poll, 20 * self._took))

    # Watching

    async def _follow(self) -> None:
        """Read one stream to its end. The next one continues from there, unless the version is unset by then."""
        import random  # no import of ours should have to wait for it

        begin = time.monotonic()
        seconds = round(self._times.stream * random.uniform(1, 2))
        events = 0
        try:
            async with self._api.watch(self._selector, self._version, seconds, self._times.silence) as stream:
                async for line in _lines(stream):
                    self._apply(parsed_object(line, _PURPOSE))
                    events += 1
                    self._failures = 0
        except ClusterAccessError as error:
            if error.status != 403:
                raise
            _log.warning("%s; from now on pods are listed every %g seconds instead", error, self._times.poll)
            self._may_watch = False
        if not events and time.monotonic() - begin < _SOON:
            await self._back_off()  # from a server that ends streams at once

    def _apply(self, event: Manifest) -> None:
        kind, pod = event.get("type"), section(event, "object")
        if kind == "ERROR":
            import json

            status = pod.get("code")
            raise cluster_error(_PURPOSE, status if isinstance(status, int) else 0, json.dumps(pod).encode())
        version = section(pod, "metadata").get("resourceVersion")
        if not isinstance(version, str):
            raise unintelligible(_PURPOSE, event)
        known = None if kind == "BOOKMARK" else known_pod(pod)
        if known is not None and kind == "DELETED":
            self._cache.apply_deletion(known, version_number(version))
        elif known is not None:
            self._cache.apply_change(known, version_number(version))
        # A bookmark brings no pod, but a version: without it, a quiet watch would have to start again from a version
        # whose history the server has dropped (410), and list all pods.
        self._version = version

    # Failing

    async def _failed(self, error: ClusterError) -> None:
        if error.status == 410 or error.reason == EXPIRED:
            _log.debug("%s; listing pods again", error)
            self._version = ""
            self._failures += 1
            if self._failures == 1:
                return
        else:
            self._report(error)
        # After a connection that broke the server may be another one, restored from a backup: only a list shows that.
        if isinstance(error, ClusterUnreachableError) or error.status is None or error.status >= 500:
            self._version = ""
        await self._back_off()

    def _report(self, error: Exception) -> None:
        if not self._listed.is_set() or self._failure is not None:
            self._failure = error
            self._listed.set()
        level = logging.WARNING if self._failures == 0 else logging.DEBUG
        _log.log(level, "the state of pods is unknown for now, trying again: %s", error)

    async def _back_off(self) -> None:
        delay = min(self._times.first_delay * 2 ** min(self._failures, 20), self._times.longest_delay)
        self._failures += 1
        import random

        await asyncio.sleep(delay * random.uniform(0.8, 1.2))


def _known_pods(page: Manifest) -> list[KnownPod]:
    return [known for item in mappings(page.get("items")) if (known := known_pod(item)) is not None]


async def _lines(stream: Stream) -> AsyncGenerator[bytes, None]:
    """Cut a stream into lines, however long these are."""
    parts: list[bytes] = []
    while block := await stream.read(_BLOCK):
        *lines, rest = block.split(b"\n")
        if lines:
            yield b"".join((*parts, lines[0]))
            for line in lines[1:]:
                yield line
            parts = []
        if rest:
            parts.append(rest)
    if parts:  # an API server ends each event with a line break, so this is the answer of something else
        yield b"".join(parts)
