"""``rm``: delete jobs from a repository, from the output of a task, or from everything downstream."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command
from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.deletion_limits import other_ids, undeclared, vanished
from pydatatask_cli.deletion_plan import Doomed, plan, refuses_deletes, stop_job
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.exit_status import FAILURE
from pydatatask_cli.gather import gather
from pydatatask_cli.name_lookup import all_links, find_data, find_task
from pydatatask_cli.terminal import output
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.scheduling.listing import Listing
from pydatatask_core.tasks.dependencies import Node

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["EVERY_JOB", "add_parser", "delete_data"]

EVERY_JOB = "__all__"
"""Stands for every job there is."""

_log = logging.getLogger("pydatatask.cli")

_AT_A_TIME = 200


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "rm",
        delete_data,
        Access.OBSERVE,
        details="Delete jobs from a repository, or all that a task has recorded and made of them.",
        examples=["count.done jonah", "-r count.books jonah"],
    )
    parser.add_argument(
        "-r",
        "--recursive",
        action="store_true",
        help="delete also everything downstream that has the same id, or one that it is translated to",
    )
    parser.add_argument(
        "data", metavar="DATA", help="task.link for that repository, task for the task's status and output repositories"
    )
    parser.add_argument("job", metavar="JOB", nargs="+", help=f"a job to delete; {EVERY_JOB} means every one")


@returns_status
async def delete_data(pipeline: Pipeline, data: str, recursive: bool, job: list[str]) -> int:
    """Delete jobs, and print each job and repository, as ``JOB task.link``.

    It may be used while the pipeline is running: :mod:`pydatatask_cli.deletion_plan` explains the order. The process or
    pod of a deleted job is stopped.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param data: ``task.link`` means that repository, ``task`` the task's status and output repositories.
    :param recursive: Whether to delete also from everything downstream, where ids are followed through translators and
        through repositories that say what they are made of; a note names what stays for want of that.
    :param job: The jobs; ``__all__`` means every job of every repository concerned.
    :returns: The exit status, 1 if a job is in none of the repositories; with ``recursive``, if none is.
    """
    start = _start(pipeline, data, recursive)
    every = EVERY_JOB in job
    doomed = await plan(pipeline, start, None if every else set(job), recursive)
    notes = await other_ids(doomed, pipeline) if recursive and not every else []
    unknown = await undeclared(pipeline, doomed) if recursive else []
    for item in doomed:
        for jobs in _chunks(item.jobs):
            await gather(stop_job(pipeline, item.repository, name) for name in jobs)
    names = _names(pipeline, data)
    for item in doomed:
        await _delete(item, names.get(id(item.repository)) or item.repository.describe())
    for note in (*notes, *await vanished(unknown)):
        output.write_note(note)
    if every or (recursive and any(item.jobs for item in doomed)):
        return 0
    return _report_missing(data, job, doomed)


def _start(pipeline: Pipeline, data: str, recursive: bool) -> Node:
    """Find what the user means.

    :raises CommandFailedError: It is a view that does not allow deletes.
    """
    if "." not in data:
        return find_task(pipeline, data)
    named = find_data(pipeline, data)
    if refuses_deletes(named.repository) and not recursive:
        raise CommandFailedError(
            f"{named} is a {named.repository.describe()} that does not allow deletes: delete from what it shows, or "
            "make it with allow_deletes=True"
        )
    return named.repository


def _names(pipeline: Pipeline, data: str) -> dict[int, str]:
    """Name each repository as the user has, or by the link of the task that populates it, or by another."""
    names: dict[int, str] = {}
    links = sorted(all_links(pipeline), key=lambda link: not (link.link.is_output or link.link.is_status))
    for link in links:
        names.setdefault(id(link.repository), str(link))
    if "." in data:
        named = find_data(pipeline, data)
        names[id(named.repository)] = str(named)
    return names


async def _delete(item: Doomed, name: str) -> None:
    """Delete jobs from a repository, many at a time, and print each."""
    for jobs in _chunks(item.jobs):
        try:
            await item.repository.delete_many(jobs)
        except Exception as error:
            left = await _left(item.repository, jobs)
            output.write_lines(f"{job} {name}" for job in jobs if job not in left)
            error.add_note(f"It happened while {len(left)} more jobs were to be deleted from {name}.")
            raise
        output.write_lines(f"{job} {name}" for job in jobs)


async def _left(repository: Repository, jobs: Sequence[str]) -> AbstractSet[str]:
    """Return the jobs of a batch that could not be deleted; all of them if the repository does not answer."""
    try:
        return await Listing().members(repository, set(jobs))
    except Exception as error:
        _log.debug("cannot determine what has been deleted from %s: %s", repository.describe(), error)
        return set(jobs)


def _chunks(jobs: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(jobs), _AT_A_TIME):
        yield jobs[at : at + _AT_A_TIME]


def _report_missing(data: str, jobs: Sequence[str], doomed: Sequence[Doomed]) -> int:
    """Report the jobs that no repository has under the ids that the user gave."""
    found = {job for item in doomed for job in item.jobs}
    missing = [job for job in dict.fromkeys(jobs) if job not in found]
    if missing:
        output.write_error(f"{data}: {'job' if len(missing) == 1 else 'jobs'} {', '.join(missing)} not found")
    return FAILURE if missing else 0
