"""What a workload is made of: cases that are measured in turn, and goals between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

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


Case: TypeAlias = FunctionCase | CommandCase


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
