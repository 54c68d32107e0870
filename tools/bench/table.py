"""Show results: a table with medians and ratios, or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.bench.goals import describe, is_met

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.bench.measure import Results


def render(results: Results) -> Iterator[str]:
    """Write the lines of a workload's table: a row per case, its medians, and ratios to the baseline in brackets."""
    workload = results.workload
    metrics = results.metrics()
    width = max(len(case.name) for case in workload.cases)
    yield f"{workload.name}: {workload.title} (ratios to {workload.baseline})"
    yield "  ".join([" " * width, *(f"{metric:>20}" for metric in metrics)]).rstrip()
    for case in workload.cases:
        cells = (_cell(results, case.name, metric) for metric in metrics)
        yield "  ".join([f"{case.name:{width}}", *cells]).rstrip()
    yield from (describe(goal, results) for goal in workload.goals)


def _cell(results: Results, case: str, metric: str) -> str:
    value = results.median(case, metric)
    if value is None:
        return " " * 20
    ratio = results.ratio(case, metric, results.workload.baseline)
    shown = "" if ratio is None else f"({ratio:.2f})"
    return f"{_number(value):>11} {shown:>8}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def as_json(results: Results) -> dict[str, object]:
    """Give all that is known about a workload in plain types."""
    workload = results.workload
    return {
        "workload": workload.name,
        "title": workload.title,
        "baseline": workload.baseline,
        "runs": {case: [dict(run) for run in runs] for case, runs in results.runs.items()},
        "medians": {
            case: {metric: results.median(case, metric) for metric in results.metrics()} for case in results.runs
        },
        "goals": [{"goal": describe(goal, results), "met": is_met(goal, results)} for goal in workload.goals],
    }
