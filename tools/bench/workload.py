"""What a workload is made of: cases that are measured in turn, and goals between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from tools.bench.peers import Peer

Metrics: TypeAlias = Mapping[str, float]
"""What one run of a case measured, by name: `s`, `ms`, `jobs/s`, `MiB` or whatever the workload compares."""


@dataclass(frozen=True)
class FunctionCase:
    """A function, run once per round in a fresh interpreter; it measures itself.

    Its peak resident memory is added as `peak MiB`.
    """

    name: str
    function: Callable[[], Metrics] | Callable[[], Awaitable[Metrics]]


@dataclass(frozen=True)
class CommandCase:
    """A program, timed from its start to its end as `ms`, with its peak resident memory as `peak MiB`."""

    name: str
    argv: Sequence[str]
    directory: Path | None = None
    """Where it runs; the root of the repository by default."""


@dataclass(frozen=True)
class ScriptCase:
    """A program that measures itself, and prints its metrics as a JSON object in its last line.

    It runs in an empty directory. This is for other systems, in environments of their own; see `tools.bench.peers`.
    """

    name: str
    argv: Sequence[str]


Case: TypeAlias = FunctionCase | CommandCase | ScriptCase


@dataclass(frozen=True)
class AtMost:
    """A goal: a metric of a case is at most `limit`, or `limit` times that of another case."""

    case: str
    metric: str
    limit: float
    times: str | None = None


@dataclass(frozen=True)
class AtLeast:
    """A goal: a metric of a case is at least `limit`, or `limit` times that of another case."""

    case: str
    metric: str
    limit: float
    times: str | None = None


Goal: TypeAlias = AtMost | AtLeast


@dataclass(frozen=True)
class PeerCase:
    """A case of another system, which is run on demand only."""

    peer: Peer
    case: Case


@dataclass(frozen=True)
class Workload:
    """Something to measure."""

    name: str
    """What is written on the command line; a prefix of it will do."""
    title: str
    cases: Sequence[Case]
    baseline: str
    """The case to which the table gives all others as ratios."""
    goals: Sequence[Goal] = field(default=())
    rounds: int = 5
    """How often each case is run, unless the command line tells."""
    prepare: Callable[[], None] = lambda: None
    """Run once, before the first round."""
    clean_up: Callable[[], None] = lambda: None
    """Run once, after the last round, and also where one has failed."""
    peers: Sequence[PeerCase] = field(default=())
    """What other systems take for the same, measured with `--peers`."""

    def with_peers(self, names: Collection[str] | None = None) -> Workload:
        """Give the same workload with the cases of other systems among its own.

        :param names: Which systems; all by default.
        """
        chosen = [peer.case for peer in self.peers if names is None or peer.peer.name in names]
        return replace(self, cases=[*self.cases, *chosen])
