"""What is counted, and what is made to go wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Faults", "User"]


@dataclass
class User:
    """Somebody who makes requests: may do all but some verbs (`list`, `watch`, `create`, `delete`, `get`, `log`, …)."""

    name: str
    lacks: frozenset[str] = frozenset()


@dataclass
class _Failure:
    error: Callable[[], Exception]
    times: int


@dataclass
class Faults:
    """Counts requests by kind: create, get, delete, list, watch, log, exec, events; and spoils some."""

    counts: Counter[str] = field(default_factory=Counter)
    names: Counter[tuple[str, str]] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    delays: dict[str, float] = field(default_factory=dict)
    _failures: dict[str, _Failure] = field(default_factory=dict)

    def fail(self, kind: str, error: Callable[[], Exception], times: int = 1) -> None:
        """Answer the next requests of a kind by an error, or by a response that is raised."""
        self._failures[kind] = _Failure(error, times)

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._failures.clear()
        self.delays.clear()

    @contextmanager
    def request(self, kind: str, name: str) -> Iterator[None]:
        """Count a request for as long as it is under way."""
        self.counts[kind] += 1
        self.names[kind, name] += 1
        lasting = kind == "watch"
        self.under_way += not lasting
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            yield
        finally:
            self.under_way -= not lasting

    async def spoil(self, kind: str) -> None:
        """Do what has been ordered for requests of a kind."""
        await asyncio.sleep(self.delays.get(kind, 0))
        failure = self._failures.get(kind)
        if failure is not None and failure.times > 0:
            failure.times -= 1
            self.refused[kind] += 1
            raise failure.error()
