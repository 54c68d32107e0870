"""Find the workloads: every module of `tools.bench.workloads` has a function `workloads()`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Protocol

import tools.bench.workloads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.bench.workload import Workload


class _WorkloadModule(Protocol):
    def workloads(self) -> Iterable[Workload]: ...


def _module(name: str) -> _WorkloadModule:
    module: _WorkloadModule = importlib.import_module(f"tools.bench.workloads.{name}")
    return module


def all_workloads() -> dict[str, Workload]:
    """Collect the workloads of all modules, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(tools.bench.workloads.__path__))
    return {workload.name: workload for name in names for workload in _module(name).workloads()}


def select(words: Iterable[str]) -> list[Workload]:
    """Take those whose names begin with one of the words, or all.

    :raises LookupError: for a word with which none begins.
    """
    known = all_workloads()
    wanted = list(words)
    for word in wanted:
        if not any(name.startswith(word) for name in known):
            raise LookupError(f"no workload {word}; there are {', '.join(known)}")
    return [workload for name, workload in known.items() if not wanted or name.startswith(tuple(wanted))]
