"""What happens when a pipeline is opened: its tasks and repositories are validated, and its functions bound."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence

from pydatatask_core.concurrency.cancellation import unrequested_cancellation
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.tasks.task import Task

__all__ = ["all_repositories", "finish_tasks", "prepare_tasks", "validate_repositories"]

_log = logging.getLogger("pydatatask.pipeline")


def _with_parts(repositories: Iterable[Repository]) -> dict[int, Repository]:
    """Give repositories by identity, with all that they are made of, in order."""
    found: dict[int, Repository] = {}
    waiting = deque(repositories)
    while waiting:
        repository = waiting.popleft()
        if id(repository) not in found:
            found[id(repository)] = repository
            waiting.extend(repository.parts())
    return found


def _written(tasks: Iterable[Task]) -> set[int]:
    """Give the identities of the repositories that tasks write, views included with what they show."""
    waiting = [link.repo for task in tasks for link in task.links.values() if link.is_output or link.is_status]
    written: set[int] = set()
    while waiting:
        repository = waiting.pop()
        if id(repository) not in written:
            written.add(id(repository))
            waiting.extend(_values_of(repository))
    return written


def _values_of(repository: Repository) -> Sequence[Repository]:
    """Give the repositories where what is written to this one ends up; a translator is only read."""
    return (repository.base,) if isinstance(repository, TranslatedRepository) else repository.sources()


def all_repositories(tasks: Sequence[Task]) -> list[Repository]:
    """Give each repository that a pipeline has to do with once, those inside views and combinators included.

    :param tasks: The tasks of the pipeline.
    """
    linked = [link.repo for task in tasks for link in task.links.values()]
    return list(_with_parts([*linked, *(task.ready for task in tasks)]).values())


async def validate_repositories(tasks: Sequence[Task], access: Access) -> None:
    """Validate all repositories at the same time, each for what it is about to be used for.

    :param tasks: The tasks of the pipeline.
    :param access: :attr:`Access.OBSERVE` if nothing must be created.
    :raises Exception: What the first ``validate`` that fails raises; other failures are logged.
    """
    written = _written(tasks)
    repositories = all_repositories(tasks)

    async def validate(repository: Repository) -> None:
        if access is Access.OBSERVE:
            validation_access.set(access)
        else:
            validation_access.set(Access.WRITE if id(repository) in written else Access.READ)
        await repository.validate()

    outcomes = await asyncio.gather(*map(validate, repositories), return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures[1:]:
        _log.error("a repository of the pipeline is not usable: %s", failure)
    if failures:
        raise failures[0]


async def prepare_tasks(tasks: Iterable[Task], validated: set[Task]) -> None:
    """Validate the tasks that the pipeline has not validated yet, and let all get ready to launch.

    :param tasks: The tasks of the pipeline.
    :param validated: Those that have been validated, to which the others are added.
    """
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
    """Let all tasks let go of what they have taken up, at the same time; a failure is logged, and is nobody else's.

    One that waits for its jobs must not keep others from giving back theirs. A cancellation is passed on to all that
    have not come to their end, and is raised once they have.

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
        _log.exception("task %s could not be finished in good order", task.name)
    except asyncio.CancelledError as error:
        _log.error("task %s could not be finished in good order", task.name, exc_info=unrequested_cancellation(error))
