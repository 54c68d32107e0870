"""Measure a short thing several times in one process, so that one figure is not one accident."""

from __future__ import annotations

import gc
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_BUDGET_SECONDS = 0.5


async def median_seconds(once: Callable[[], Awaitable[float]], at_least: int = 1) -> float:
    """Call something that measures itself, again and again until half a second is over, and give the median.

    :param once: Does it once, and gives the seconds that count.
    :param at_least: How often, however long it takes.
    """
    found: list[float] = []
    end = perf_counter() + _BUDGET_SECONDS
    while len(found) < at_least or perf_counter() < end:
        found.append(await once())
        gc.collect()  # what one leaves behind is not to be cleared away in the time of the next
    return median(found)
