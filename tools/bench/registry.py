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
    modules = (_module(name) for name in _names() if _may_have(name, [wanted]))
    for workload in (workload for module in modules for workload in module.workloads()):
        if workload.name == wanted:
            return workload
    raise LookupError(f"no workload {wanted}, or it is in a module whose name begins otherwise")


def select(words: Iterable[str]) -> list[Workload]:
    """Take those whose names begin with one of the words, or all.

    :raises LookupError: for a word with which none begins.
    """
    wanted = list(words) or [""]
    known = [workload for name in _names() if _may_have(name, wanted) for workload in _module(name).workloads()]
    for word in wanted:
        if not any(workload.name.startswith(word) for workload in known):
            raise LookupError(f"no workload {word}; there are {', '.join(all_workloads())}")
    return [workload for workload in known if workload.name.startswith(tuple(wanted))]


def _may_have(module: str, words: Iterable[str]) -> bool:
    """Tell whether a module may have workloads whose names begin with one of the words.

    The others are not loaded: no process that this one starts would report less memory than this one has.
    """
    prefix = module.split("_")[0]
    return any(word.startswith(prefix) or prefix.startswith(word) for word in words)
