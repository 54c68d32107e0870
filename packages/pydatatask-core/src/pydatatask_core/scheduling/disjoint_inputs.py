"""Disjoint inputs: a warning about tasks that launch nothing, as none of their inputs share a job."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from heapq import nsmallest

from pydatatask_core.repositories.algebra import listed
from pydatatask_core.repositories.readiness import ReadyRepository
from pydatatask_core.repositories.repository import KeyLookup
from pydatatask_core.tasks.task import Task

__all__ = ["warn_of_disjoint_inputs"]

_log = logging.getLogger("pydatatask.pipeline")

_EXAMPLES = 2


async def warn_of_disjoint_inputs(lookup: KeyLookup, task: Task) -> None:
    """Log a warning if each repository that a task requires holds jobs, but no job is in all of them.

    The usual cause is a stage whose outputs have other ids than its jobs, and with them its records. A task that is
    plugged into it requires both, and never starts anything, without any error.

    :param lookup: Returns what repositories contain.
    :param task: A task that has launched nothing. One that was given its own ``ready`` is not examined.
    """
    if type(task.ready) is not ReadyRepository or len(task.required_for_start) < 2:
        return
    keys = {name: await listed(lookup, repository) for name, repository in task.required_for_start.items()}
    if not all(keys.values()) or _has_common(keys):
        return
    contents = "; ".join(f"{name} holds {_some(jobs)}" for name, jobs in keys.items())
    _log.warning(
        "task %s has launched nothing, since no job is in all the repositories that it requires: %s. If a stage writes "
        "outputs under other ids than those of its jobs, plug it with a translator=, or with meta=False to require its "
        "outputs only",
        task.name,
        contents,
    )


def _has_common(keys: Mapping[str, AbstractSet[str]]) -> bool:
    smallest, *others = sorted(keys.values(), key=len)
    return any(all(job in jobs for jobs in others) for job in smallest)


def _some(jobs: AbstractSet[str]) -> str:
    more = len(jobs) - _EXAMPLES
    return ", ".join(nsmallest(_EXAMPLES, jobs)) + (f" and {more} more" if more > 0 else "")
