"""``retry``: have failed jobs started again, as if they had never run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_cli.arguments import add_command
from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.name_lookup import find_task, suggestion
from pydatatask_cli.open_pipeline import opened, validate_repositories
from pydatatask_cli.outcomes.failed_jobs import FailedJob, FailureState, failed_jobs, live_jobs, outcomes_of
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.plain_text import counted
from pydatatask_core.errors import UsageError
from pydatatask_core.outcomes.job_failure import FAILURE_KINDS
from pydatatask_core.outcomes.records import OutcomeRecord, read_outcome
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "retry"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "retry",
        retry,
        Access.OBSERVE,
        details="Delete the records of failed jobs, so that the next round launches them and attempts count from 1.",
        examples=["count jonah", "count --all --kind timeout", "count --all --dry-run"],
    )
    parser.add_argument("task_name", metavar="TASK", help="the task")
    parser.add_argument("job", metavar="JOB", nargs="*", help="a job that has failed")
    parser.add_argument("--all", dest="all_jobs", action="store_true", help="all jobs of the task that have failed")
    parser.add_argument("--kind", metavar="KIND", help=f"only failures of this kind: {', '.join(FAILURE_KINDS)}")
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")


@returns_status
async def retry(
    pipeline: Pipeline,
    task_name: str,
    job: list[str],
    all_jobs: bool = False,
    *,
    kind: str | None = None,
    dry_run: bool = False,
) -> int:
    """Delete the records of failed jobs, and print each as ``JOB task.failures``.

    The next round launches them, and their attempts count from 1. Jobs that are running are left as they are.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param task_name: The task.
    :param job: The jobs.
    :param all_jobs: Whether to take all jobs of the task that have failed.
    :param kind: Optional: only failures of this kind are meant.
    :param dry_run: Whether only to print them.
    :returns: The exit status, 1 if a job that was named has not failed, or is running.
    """
    if bool(job) == all_jobs:
        raise UsageError("name jobs, or write --all" if not job else "name jobs or write --all, not both")
    if kind is not None and kind not in FAILURE_KINDS:
        raise UsageError(
            f"there is no kind {kind!r}{suggestion(kind, FAILURE_KINDS)}; the kinds are: {', '.join(FAILURE_KINDS)}"
        )
    task = find_task(pipeline, task_name)
    outcomes = outcomes_of(task)
    for name in job:
        outcomes.failures.require_valid(name)
    async with opened(pipeline, Access.OBSERVE):
        found = await _find(pipeline, task, None if all_jobs else job, kind)
        if not dry_run:
            await _delete(task, found.idle)
        output.write_lines(f"{each.job} {task.name}.failures" for each in found.idle)
    if found.idle:
        _report(task, len(found.idle), dry_run)
    elif all_jobs and not found.running:
        output.write_note(f"no job of {task.name} has failed" if kind is None else f"no such failure of {task.name}")
    if all_jobs and found.running:
        output.write_note(f"left as they are, since they run: {', '.join(sorted(found.running))}")
    refused = list(filter(None, (_refusal(task, name, found, kind) for name in dict.fromkeys(job))))
    if refused:
        raise CommandFailedError("; ".join(refused))
    return 0


class _Found(NamedTuple):
    """How jobs are doing whose failures may be deleted."""

    failed: Mapping[str, FailedJob]
    """Those that have a record of failure."""

    idle: Sequence[FailedJob]
    """Those of them that can be started again."""

    running: AbstractSet[str]
    """Those that run, whether they have failed before or not."""

    succeeded: AbstractSet[str]
    """Those that have succeeded, and have no record of failure."""


async def _find(pipeline: Pipeline, task: Task, jobs: Sequence[str] | None, kind: str | None) -> _Found:
    outcomes = outcomes_of(task)
    await validate_repositories(pipeline, [outcomes.done])
    failed = await failed_jobs(pipeline, task, jobs)
    wanted = [each for each in failed if kind is None or each.record.kind == kind]
    named = set(jobs or ())
    running = {each.job for each in wanted if each.state is FailureState.RUNNING}
    running |= await live_jobs(pipeline, task, named | {each.job for each in wanted})
    idle = [each for each in wanted if each.job not in running]
    by_job = {each.job: each for each in failed}
    return _Found(by_job, idle, running, await outcomes.done.contained(named - by_job.keys()))


async def _delete(task: Task, failed: Sequence[FailedJob]) -> None:
    outcomes = outcomes_of(task)
    for each in failed:
        # A job that is in both was launched by force, or its controller was killed between two writes. The later
        # attempt counts; without its record of failure the older success would count.
        if await outcomes.done.contains(each.job):
            done = read_outcome(await outcomes.done.info(each.job))
            if _is_superseded(done, each.record):
                await outcomes.done.delete(each.job)
        await outcomes.failures.delete(each.job)
        outcomes.cache.forget(each.job)


def _is_superseded(done: OutcomeRecord, failed: OutcomeRecord) -> bool:
    return failed.attempt > done.attempt


def _report(task: Task, count: int, dry_run: bool) -> None:
    jobs = counted(count, "job")
    if dry_run:
        output.write_note(f"nothing has been deleted; {jobs} of {task.name} would start again")
    else:
        output.write_note(f"{jobs} of {task.name} will start again with the next round, such as that of `run`")


def _refusal(task: Task, job: str, found: _Found, kind: str | None) -> str | None:
    """Say why a job that was named has been left as it is, and what to do instead; None if it has not."""
    subject, failed = f"job {job} of {task.name}", found.failed.get(job)
    if job in found.running:
        return f"{subject} is running; wait for its end, or stop it: cancel {task.name} {job}"
    if job in found.succeeded:
        return f"{subject} has succeeded; to run it again: launch {task.name} {job} --force"
    if failed is None:
        return f"{subject} has not failed; to see where it is: trace {job}"
    if kind is not None and failed.record.kind != kind:
        return f"the failure of {subject} is of kind {failed.record.kind}, not {kind}"
    return None
