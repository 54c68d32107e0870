"""Streams over plain lists, which the tests look into from the side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from typing_extensions import override

from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase

__all__ = ["ListReader", "ListWriter"]


class ListReader(ReadStreamBase):
    """Hands out at most one of the given pieces per read, and notes what was asked of it."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.asked: list[int | None] = []
        self.closes = 0
        self.hang_after: int | None = None

    @override
    async def read(self, n: int | None = None) -> bytes:
        self.asked.append(n)
        if self.hang_after is not None and len(self.asked) > self.hang_after:
            await asyncio.Event().wait()
        if n is None:
            rest, self.pieces = b"".join(self.pieces), []
            return rest
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if piece[n:]:
            self.pieces.insert(0, piece[n:])
        return piece[:n]

    @override
    async def close(self) -> None:
        self.closes += 1


class ListWriter(WriteStreamBase):
    """Commits into ``value``; each of its steps can be made to fail or to hang."""

    def __init__(self, value: bytes | None = None, failing: dict[str, BaseException] | None = None) -> None:
        self.value = value
        self.staged: list[bytes] = []
        self.steps: list[str] = []
        self.failing = failing or {}
        self.hanging: str | None = None
        self.hangs = asyncio.Event()

    @override
    async def _stage(self, data: bytes) -> None:
        await self._step("stage")
        self.staged.append(data)

    @override
    async def _commit(self) -> None:
        await self._step("commit")
        self.value = b"".join(self.staged)

    @override
    async def _discard(self) -> None:
        await self._step("discard")
        self.staged.clear()

    async def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.hanging == name:
            self.hangs.set()
            await asyncio.Event().wait()
        if name in self.failing:
            raise self.failing[name]
