"""`python -m tools.bench.child WORKLOAD CASE [--profile FILE]`: run a function case here, and print its metrics."""

from __future__ import annotations

import asyncio
import cProfile
import inspect
import json
import logging
import resource
import sys
from typing import TYPE_CHECKING, Final

from tools.bench.registry import find
from tools.bench.workload import FunctionCase

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tools.bench.workload import Metrics

KIB_PER_MIB: Final = 1024


async def _finish(metrics: Awaitable[Metrics]) -> Metrics:
    return await metrics


def run(case: FunctionCase) -> Metrics:
    """Call the function, in an event loop where it is a coroutine function."""
    result = case.function()
    return asyncio.run(_finish(result)) if inspect.isawaitable(result) else result


def main(argv: list[str]) -> None:
    """Find the case, run it and print a line of JSON."""
    workload = find(argv[0])
    (case,) = (case for case in workload.cases if case.name == argv[1] and isinstance(case, FunctionCase))
    if argv[2:3] == ["--profile"]:
        profile = cProfile.Profile()
        metrics = dict(profile.runcall(run, case))
        profile.dump_stats(argv[3])
    else:
        metrics = dict(run(case))
    metrics["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB
    print(json.dumps(metrics))


if __name__ == "__main__":
    logging.getLogger("pydatatask").setLevel(logging.ERROR)  # that a job has to wait for its quota is no news here
    main(sys.argv[1:])
