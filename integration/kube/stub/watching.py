"""Watches: a stream of events, one a line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from integration.kube.stub.reading import parsed_version
from integration.kube.stub.selectors import Matcher, matcher
from integration.kube.stub.statuses import Json, expired_watch
from integration.kube.stub.store import Event, Store

__all__ = ["Watches"]


class Watches:
    """The open watches.

    :param bookmark_seconds: how often a watch that asks for bookmarks gets one.
    """

    def __init__(self, store: Store, bookmark_seconds: float = 60.0) -> None:
        self._store = store
        self.bookmark_seconds = bookmark_seconds
        self._open: list[web.Request] = []
        self._ending = 0

    def __len__(self) -> int:
        return len(self._open)

    def cut(self) -> None:
        """Break the connections of all open watches."""
        for request in list(self._open):
            if request.transport is not None:
                request.transport.abort()

    async def end(self) -> None:
        """End all open watches as a server does: by a plain end of stream."""
        self._ending += 1
        await self._store.announce()

    async def serve(self, request: web.Request, namespace: str) -> web.StreamResponse:
        query = request.query
        version = parsed_version(query.get("resourceVersion", ""))
        matches = matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""))
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        response.enable_chunked_encoding()
        await response.prepare(request)
        self._open.append(request)
        try:
            async for event in self._events(version, namespace, matches, query):
                await response.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
            await response.write_eof()
        except ConnectionError:
            return response  # the client is gone
        finally:
            self._open.remove(request)
        return response

    async def _events(
        self, version: int, namespace: str, matches: Matcher, query: Mapping[str, str]
    ) -> AsyncIterator[Json]:
        store, loop = self._store, asyncio.get_running_loop()
        ending = self._ending
        if version and version < store.oldest:
            yield {"type": "ERROR", "object": expired_watch(version, store.oldest).body}
            return
        if not version:
            version = store.version
            for pod in list(store.pods.values()):
                if pod["metadata"]["namespace"] == namespace and matches(pod):
                    yield {"type": "ADDED", "object": pod}
        bookmarks = query.get("allowWatchBookmarks") == "true"
        end = loop.time() + float(query.get("timeoutSeconds") or 1800)
        bookmark = loop.time() + self.bookmark_seconds
        over = False
        while not over:
            announcements = store.announcements
            over = loop.time() >= end or ending != self._ending
            if version < store.oldest:
                yield {"type": "ERROR", "object": expired_watch(version, store.oldest).body}
                return
            events, version = self._after(version), max(version, store.version)
            for event in events:
                if event.pod["metadata"]["namespace"] == namespace and matches(event.pod):
                    yield {"type": event.kind, "object": event.pod}
            if bookmarks and loop.time() >= bookmark:
                bookmark = loop.time() + self.bookmark_seconds
                yield _bookmark(version)
            if not over:
                await store.wait(max(0.0, min(end, bookmark) - loop.time()), announcements)
        if bookmarks:
            yield _bookmark(version)

    def _after(self, version: int) -> list[Event]:
        history = self._store.history
        first = len(history)
        while first and history[first - 1].version > version:
            first -= 1
        return history[first:]


def _bookmark(version: int) -> Json:
    pod = {"metadata": {"resourceVersion": str(version)}, "spec": {"containers": None}, "status": {}}
    return {"type": "BOOKMARK", "object": {"kind": "Pod", "apiVersion": "v1", **pod}}
