"""Opening and closing a pipeline: validate its repositories and tasks, prepare the tasks, finish them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence

from pydatatask_core.concurrency.cancellation import unrequested_cancellation
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.tasks.outcome_checks import check_failures, ungated_inputs
from pydatatask_core.tasks.task import Task

__all__ = ["all_repositories", "finish_tasks", "prepare_tasks", "validate_repositories"]

_log = logging.getLogger("pydatatask.pipeline")


def _with_parts(repositories: Iterable[Repository]) -> dict[int, Repository]:
    """Return repositories by identity, together with all their parts, in order."""
    found: dict[int, Repository] = {}
    waiting = deque(repositories)
    while waiting:
        repository = waiting.popleft()
        if id(repository) not in found:
            found[id(repository)] = repository
            waiting.extend(repository.parts())
    return found


def _written(tasks: Iterable[Task]) -> set[int]:
    """Return the identities of the repositories that tasks write, including those behind views."""
    waiting = [link.repo for task in tasks for link in task.links.values() if link.is_output or link.is_status]
    written: set[int] = set()
    while waiting:
        repository = waiting.pop()
        if id(repository) not in written:
            written.add(id(repository))
            waiting.extend(_values_of(repository))
    return written


def _values_of(repository: Repository) -> Sequence[Repository]:
    """Return the repositories that a write to this one goes to; a translator is only read."""
    return (repository.base,) if isinstance(repository, TranslatedRepository) else repository.sources()


def all_repositories(tasks: Sequence[Task]) -> list[Repository]:
    """Return each repository of a pipeline once, including those inside views and combinators.

    :param tasks: The tasks of the pipeline.
    """
    linked = [link.repo for task in tasks for link in task.links.values()]
    return list(_with_parts([*linked, *(task.ready for task in tasks)]).values())


async def validate_repositories(tasks: Sequence[Task], access: Access) -> None:
    """Validate all repositories, each for the access that the pipeline needs, and many at the same time.

    The ones that are written come first: they may create the place, a bucket for example, that others are read from.

    :param tasks: The tasks of the pipeline.
    :param access: :attr:`Access.OBSERVE` if nothing may be created.
    :raises Exception: The error of the first repository that is not usable; further errors are logged.
    """
    written = _written(tasks)
    repositories = all_repositories(tasks)

    async def validate(repository: Repository) -> None:
        if access is Access.OBSERVE:
            validation_access.set(access)  # in the context of this asyncio task alone, as gather makes one for each
        else:
            validation_access.set(Access.WRITE if id(repository) in written else Access.READ)
        await repository.validate()

    outcomes: list[BaseException | None] = []
    for is_written in (True, False):
        group = [validate(repository) for repository in repositories if (id(repository) in written) is is_written]
        outcomes += await asyncio.gather(*group, return_exceptions=True)
    failures = [outcome for outcome in outcomes if outcome is not None]
    for failure in failures[1:]:
        _log.error("a repository of the pipeline is not usable: %s", failure)
    if failures:
        raise failures[0]


async def prepare_tasks(tasks: Sequence[Task], validated: set[Task]) -> None:
    """Validate the tasks that have not been validated yet, and prepare all tasks.

    :param tasks: The tasks of the pipeline.
    :param validated: The tasks that have been validated; the others are added.
    """
    if not validated.issuperset(tasks):
        check_failures(tasks)
        for line in ungated_inputs(tasks):
            _log.warning("%s", line)
    for task in tasks:
        if task not in validated:
            await task.validate()
            validated.add(task)
            if task.never_ready and not task.disabled:
                _log.warning(
                    "task %s will never be launched: no link is required for its start; link an input, or pass ready=",
                    task.name,
                )
        await task.prepare()


async def finish_tasks(tasks: Iterable[Task]) -> None:
    """Finish all tasks at the same time, so that one that waits for its jobs does not delay the others.

    A failure is logged. A cancellation is passed on to all tasks that are not finished, and raised once they are.

    :param tasks: The tasks of the pipeline.
    """
    finishing = [asyncio.create_task(_finish(task), name=f"pydatatask: finishing {task.name}") for task in tasks]
    cancellation: asyncio.CancelledError | None = None
    while not all(one.done() for one in finishing):
        try:
            await asyncio.wait(finishing)
        except asyncio.CancelledError as error:
            cancellation = error
            for one in finishing:
                one.cancel()
    if cancellation is not None:
        raise cancellation


async def _finish(task: Task) -> None:
    try:
        await task.finish()
    except Exception:
        _log.exception("task %s could not be finished", task.name)
    except asyncio.CancelledError as error:
        _log.error("task %s could not be finished", task.name, exc_info=unrequested_cancellation(error))
