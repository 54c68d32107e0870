"""Measure a short thing several times in one process, so that one figure is not one accident."""

from __future__ import annotations

import gc
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_BUDGET_SECONDS = 0.5


class Spent:
    """The time spent in a `with` block: in all, and of this process on a processor.

    The second says more on a machine that others use as well, of what never waits for anything.
    """

    seconds: float
    cpu_seconds: float

    def __enter__(self) -> Self:
        """Begin."""
        self._begun, self._used = perf_counter(), process_time()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.seconds, self.cpu_seconds = perf_counter() - self._begun, process_time() - self._used


async def median_spent(once: Callable[[], Awaitable[Spent]], at_least: int = 1) -> Spent:
    """Call something that measures itself, again and again until half a second is over, and give the medians.

    :param once: Does it once, and gives the time that counts.
    :param at_least: How often, however long it takes.
    """
    found: list[Spent] = []
    end = perf_counter() + _BUDGET_SECONDS
    while len(found) < at_least or perf_counter() < end:
        found.append(await once())
        gc.collect()  # what one leaves behind is not to be cleared away in the time of the next
    result = Spent()
    result.seconds = median(spent.seconds for spent in found)
    result.cpu_seconds = median(spent.cpu_seconds for spent in found)
    return result
