"""What goes wrong, and when: data, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override

__all__ = ["Disturbance", "draw"]

LONGEST_PAUSE = 0.7
LARGE = 0.15
"""How often an input is too large for one request."""

STORES = ("s3", "mongo", "cluster")
S3_REQUESTS = ("^PUT", "^GET", "^POST", "^HEAD", "^DELETE", "partNumber=", "list-type=2", "uploads")
POD_REQUESTS = ("create", "list", "watch", "log", "delete")


@dataclass(frozen=True)
class Disturbance:
    """One thing that goes wrong."""

    after: float
    """How many seconds after the one before."""
    kind: str
    """What is done: a method of the stagehand."""
    where: str = ""
    """To which store or requests, or in which manner."""
    seconds: float = 0.0
    """How long it lasts."""
    status: int = 0
    """What is answered."""
    times: int = 1
    """How often."""
    chance: float = 0.0
    """Which it is, of those that can be befallen at the time, as a fraction of their number."""
    arrivals: tuple[float, ...] = ()
    """The sizes of the inputs that arrive then, in parts of an upload."""

    @override
    def __str__(self) -> str:
        told = f"{self.kind} {self.where} {self.status or ''} x{self.times} {self.chance}"
        lasting = f" for {self.seconds} s" if self.seconds else ""
        return f"{told}{lasting}, {len(self.arrivals)} inputs"


def draw(seed: int, count: int) -> list[Disturbance]:
    """Draw as many as asked for."""
    chance = random.Random(seed)
    kinds = list(_KINDS)
    weights = [weight for weight, _ in _KINDS.values()]
    return [_KINDS[kind][1](chance, kind) for kind in chance.choices(kinds, weights, k=count)]


def _size(chance: random.Random) -> float:
    return chance.uniform(1.1, 3.5) if chance.random() < LARGE else chance.random() ** 4


def _any(chance: random.Random, kind: str, where: str = "", seconds: float = 0.0, status: int = 0) -> Disturbance:
    return Disturbance(
        round(chance.uniform(0.02, LONGEST_PAUSE), 3),
        kind,
        where,
        round(seconds, 3),
        status,
        chance.randint(1, 4),
        round(chance.random(), 3),
        tuple(round(_size(chance), 4) for _ in range(chance.randint(0, 3))),
    )


def _cut(chance: random.Random, kind: str) -> Disturbance:
    return _any(chance, kind, chance.choice(STORES))


def _lasting(chance: random.Random, kind: str) -> Disturbance:
    return _any(chance, kind, chance.choice(STORES), chance.uniform(0.1, 1.5))


def _s3(chance: random.Random, kind: str) -> Disturbance:
    return _any(chance, kind, chance.choice(S3_REQUESTS), chance.uniform(0.05, 0.6), chance.choice((500, 503)))


def _cluster(chance: random.Random, kind: str) -> Disturbance:
    return _any(chance, kind, chance.choice(POD_REQUESTS), status=chance.choice((429, 500, 503)))


def _process(chance: random.Random, kind: str) -> Disturbance:
    return _any(chance, kind, chance.choice(("script", "politely", "all")))


_KINDS: dict[str, tuple[int, Callable[[random.Random, str], Disturbance]]] = {
    "kill_pipeline": (5, _any),
    "stop_pipeline": (2, _any),
    "cut": (5, _cut),
    "refuse": (4, _lasting),
    "fall_silent": (2, _lasting),
    "fail_s3": (4, _s3),
    "slow_s3_down": (2, _s3),
    "cut_s3_answer": (2, _s3),
    "cut_s3_request": (2, _s3),
    "fail_cluster": (4, _cluster),
    "cut_watch": (2, _any),
    "expire_watch": (2, _any),
    "kill_process": (4, _process),
    "kill_supervisor": (1, _any),
    "kill_pod": (2, _any),
    "delete_pod": (2, _any),
    "evict_pod": (2, _any),
    "forget_process": (1, _any),
}
