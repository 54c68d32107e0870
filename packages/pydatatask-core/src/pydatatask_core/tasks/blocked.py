"""The jobs that have failed, and those that never start because of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from typing_extensions import override

from pydatatask_core.repositories.algebra import present
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.task import Plug, Task

__all__ = ["RootCause", "blocked_jobs", "failed_jobs"]


class RootCause(NamedTuple):
    """The failed job that keeps others from starting."""

    task: str
    """The name of its task."""

    job: str
    """The job."""

    @override
    def __str__(self) -> str:
        return f"job {self.job} of {self.task} has failed"


_Causes = Mapping[str, RootCause]
"""Jobs, and what keeps each from starting."""


async def failed_jobs(tasks: Iterable[Task]) -> dict[str, AbstractSet[str]]:
    """Return the jobs of each task that have failed for good; tasks that record no failures are left out.

    :param tasks: The tasks.
    """
    return {task.name: await task.outcomes.final.keys() for task in tasks if task.outcomes is not None}


async def blocked_jobs(tasks: Sequence[Task]) -> dict[str, dict[str, RootCause]]:
    """Return the jobs of each task that never start, as a job further up has failed for good.

    It is computed from the records of failures each time, so that a job is free again once its cause is gone.

    :param tasks: All tasks of the pipeline.
    :returns: For each task its blocked jobs, and for each of these the failure that is the root cause.
    """
    failed = await failed_jobs(tasks)
    blocked: dict[str, dict[str, RootCause]] = {task.name: {} for task in tasks}
    changed = True
    while changed:  # at most once for each task on the longest way down, as a task's jobs only become more
        changed = False
        for task in tasks:
            found: dict[str, RootCause] = {}
            for plug in task.plugs:
                if plug.when == "success":
                    found |= await _translated(plug, _causes_of(plug.upstream, failed, blocked))
            new = await _without_finished(task, found.keys() - blocked[task.name].keys())
            blocked[task.name] |= {job: found[job] for job in new}
            changed = changed or bool(new)
    return blocked


def _causes_of(task: Task, failed: Mapping[str, AbstractSet[str]], blocked: Mapping[str, _Causes]) -> _Causes:
    own = {job: RootCause(task.name, job) for job in failed.get(task.name, ())}
    return own | dict(blocked.get(task.name, {}))


async def _translated(plug: Plug, causes: _Causes) -> _Causes:
    """Return what is blocked downstream, under the ids that jobs have there."""
    if plug.translator is None or not causes:
        return causes
    infos = await plug.translator.info_all()
    known = await plug.translator.contained(infos.keys())
    return {job: causes[info] for job, info in infos.items() if job in known and info in causes}


async def _without_finished(task: Task, jobs: AbstractSet[str]) -> AbstractSet[str]:
    """Leave out the jobs that a task has finished, whether they succeeded or failed."""
    if not jobs:
        return jobs
    successes: Sequence[Repository] = [link.repo for link in task.links.values() if link.required_for_output]
    done = jobs if successes else frozenset[str]()
    for repository in successes:
        done = await present(repository, done)
    if task.outcomes is not None:
        done = done | await present(task.outcomes.failures, jobs)
    return jobs - done
