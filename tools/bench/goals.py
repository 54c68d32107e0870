"""Say whether the goals of a workload were met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.bench.workload import AtLeast, Goal

if TYPE_CHECKING:
    from tools.bench.measure import Results


def value(goal: Goal, results: Results) -> float | None:
    """Give the figure that the goal is about: a median, or a ratio of two."""
    if goal.times is None:
        return results.median(goal.case, goal.metric)
    return results.ratio(goal.case, goal.metric, goal.times)


def is_met(goal: Goal, results: Results) -> bool:
    """Tell whether the figure is on the right side of the limit; a figure that is missing is not."""
    figure = value(goal, results)
    if figure is None:
        return False
    return figure >= goal.limit if isinstance(goal, AtLeast) else figure <= goal.limit


def describe(goal: Goal, results: Results) -> str:
    """Write one line about a goal."""
    figure = value(goal, results)
    bound = "at least" if isinstance(goal, AtLeast) else "at most"
    unit = f" times {goal.times}" if goal.times else ""
    verdict = "met" if is_met(goal, results) else "MISSED"
    shown = "nothing" if figure is None else f"{figure:,.3g}"
    return f"{verdict:6} {goal.case}, {goal.metric}: {shown}{unit}, wanted {bound} {goal.limit:,.3g}{unit}"
