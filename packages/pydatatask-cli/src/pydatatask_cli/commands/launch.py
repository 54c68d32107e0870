"""``launch``: start one job by hand."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command
from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.name_lookup import find_task
from pydatatask_cli.open_pipeline import opened
from pydatatask_core.errors import JobFailedError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.quotas.launch_offers import Offer, current_offer
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "launch"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "launch",
        launch,
        details="Launch one job of a task, also of a task that is disabled.",
        examples=["count jonah", "count jonah --sync --force"],
    )
    parser.add_argument("task_name", metavar="TASK", help="the task")
    parser.add_argument("job", metavar="JOB", help="the job to launch")
    parser.add_argument("--force", action="store_true", help="launch the job even if it is not ready")
    parser.add_argument("--sync", action="store_true", help="run the job in this process and wait for it")
    parser.add_argument("--no-meta", dest="meta", action="store_false", help="do not record the job's completion")


@returns_status
async def launch(pipeline: Pipeline, task_name: str, job: str, sync: bool, meta: bool, force: bool) -> int:
    """Launch one job of a task, also of a task that is disabled.

    :param pipeline: The pipeline; it is opened if it is not open.
    :param task_name: The task.
    :param job: The job.
    :param sync: Whether to run it in this process, where the task can, and to wait for it.
    :param meta: Whether to record its completion.
    :param force: Whether to launch it even if it is not ready; any valid id will do then.
    :returns: The exit status, 1 if the job was not launched, or its function failed.
    """
    task = find_task(pipeline, task_name)
    _require_valid(task, job)
    async with opened(pipeline):
        if not force and not await task.ready.contains(job):
            reasons = "; ".join(await _obstacles(task, job))
            raise CommandFailedError(f"job {job} of task {task.name} is not ready: {reasons} (--force launches it)")
        failures = await _launch(task, job, sync, meta)
    if failures:
        error = failures[0]
        what = str(error) if isinstance(error, JobFailedError) else repr(error)
        raise CommandFailedError(f"job {job} of task {task.name} failed: {what}")
    return 0


def _require_valid(task: Task, job: str) -> None:
    repositories = [link.repo for link in task.links.values()] if task.never_ready else [task.ready]
    for repository in repositories:
        repository.require_valid(job)


async def _obstacles(task: Task, job: str) -> list[str]:
    """List the links that keep a job from being ready."""
    missing = [name for name, repo in task.required_for_start.items() if not await repo.contains(job)]
    present = [name for name, repo in task.inhibits_start.items() if await repo.contains(job)]
    reasons = [f"it is not in {task.name}.{name}" for name in missing]
    for name in present:
        again = f", and started again by: retry {task.name} {job}" if task.links[name].is_failure else ""
        reasons.append(f"it is in {task.name}.{name}{again}")
    if task.never_ready:
        return ["no link of the task is required for its start"]
    return reasons or [f"{task.ready.describe()} does not contain it"]


async def _launch(task: Task, job: str, sync: bool, meta: bool) -> list[BaseException]:
    """Launch the job, and return what its function raised.

    :raises CommandFailedError: A quota has no room for it.
    """
    offer = Offer(task.name, job, 0, {}, None)
    with _settings(task, sync, meta), _failures(task) as failures:
        token = current_offer.set(offer)
        try:
            await task.launch(job)
        finally:
            current_offer.reset(token)
            offer.end()
    if offer.impossible is not None:
        reason = f"it asks for more {offer.impossible.name} than the whole quota allows; raise the quota"
    elif offer.refused is not None:
        reason = f"the quota has no room for it at present ({offer.refused.name}); try again later"
    else:
        return failures
    raise CommandFailedError(f"job {job} of task {task.name} has not been launched: {reason}")


@contextmanager
def _settings(task: Task, sync: bool, meta: bool) -> Generator[None, None, None]:
    before = task.synchronous, task.metadata
    task.synchronous, task.metadata = sync, meta
    try:
        yield
    finally:
        task.synchronous, task.metadata = before


@contextmanager
def _failures(task: Task) -> Generator[list[BaseException], None, None]:
    """Collect what functions of a task raise."""
    failures: list[BaseException] = []
    before = task.failure_listener
    task.failure_listener = lambda job, error: failures.append(error)
    try:
        yield failures
    finally:
        task.failure_listener = before
