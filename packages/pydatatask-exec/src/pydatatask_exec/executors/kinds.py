"""Recognize the kind of an executor, and choose the adapter for it."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

from pydatatask_exec.executors.adapters import DistributedAdapter, ExecutorAdapter, ThreadPoolAdapter
from pydatatask_exec.executors.process_pool import ProcessPoolAdapter

__all__ = ["adapter_for"]


def adapter_for(executor: Executor) -> ExecutorAdapter:
    """Return the adapter for an executor.

    :param executor: The executor.
    """
    if isinstance(executor, ThreadPoolExecutor):
        return ThreadPoolAdapter(executor)
    # By the names of modules, since importing these only to compare classes would take long.
    modules = {cls.__module__ for cls in type(executor).__mro__}
    if "concurrent.futures.process" in modules:
        return ProcessPoolAdapter(executor)
    if any(module.partition(".")[0] == "distributed" for module in modules):
        return DistributedAdapter(executor)
    return ExecutorAdapter(executor)
