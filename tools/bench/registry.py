"""Find the workloads: every module of `tools.bench.workloads` has a function `workloads()`.

The name of a module begins with what the names of its workloads begin with: `w2_files` has `w2-tmpfs` and `w2-disk`.
"""

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


def _names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(tools.bench.workloads.__path__))


def all_workloads() -> dict[str, Workload]:
    """Collect the workloads of all modules, by name."""
    return {workload.name: workload for name in _names() for workload in _module(name).workloads()}


def find(wanted: str) -> Workload:
    """Find one workload, and load no modules of others: what they import would count as memory of this one.

    :raises LookupError: there is none.
    """
    modules = (_module(name) for name in _names() if wanted.startswith(name.split("_")[0]))
    for workload in (workload for module in modules for workload in module.workloads()):
        if workload.name == wanted:
            return workload
    raise LookupError(f"no workload {wanted}, or it is in a module whose name begins otherwise")


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
