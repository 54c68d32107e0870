"""``retry``: have failed jobs started again, as if they had never run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
        failed = await failed_jobs(pipeline, task, None if all_jobs else job)
        wanted = [each for each in failed if kind is None or each.record.kind == kind]
        live = await live_jobs(pipeline, task, {each.job for each in wanted})
        running = [each.job for each in wanted if each.job in live or each.state is FailureState.RUNNING]
        idle = [each for each in wanted if each.job not in running]
        if not dry_run:
            await validate_repositories(pipeline, [outcomes.done])
            await _delete(task, idle)
        output.write_lines(f"{each.job} {task.name}.failures" for each in idle)
    if all_jobs and not failed:
        output.write_note(f"no job of {task.name} has failed")
    elif all_jobs and not wanted:
        output.write_note(f"no failure of {task.name} is of kind {kind}")
    elif idle:
        _report(task, len(idle), dry_run)
    refused = _refused(task, job, {each.job: each for each in failed}, running, kind)
    if running and all_jobs:
        output.write_note(f"left as they are, since they run: {', '.join(running)}")
    if refused:
        raise CommandFailedError("; ".join(refused))
    return 0


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


def _refused(
    task: Task, jobs: Sequence[str], failed: dict[str, FailedJob], running: Sequence[str], kind: str | None
) -> list[str]:
    """Say why jobs that were named have been left as they are."""
    lines: list[str] = []
    for job in dict.fromkeys(jobs):
        if job not in failed:
            lines.append(f"job {job} of {task.name} has not failed; to run it all the same: launch {task.name} {job}")
        elif job in running:
            lines.append(f"job {job} of {task.name} is running; wait for its end, or stop it: cancel {task.name} {job}")
        elif kind is not None and failed[job].record.kind != kind:
            lines.append(f"the failure of job {job} of {task.name} is of kind {failed[job].record.kind}, not {kind}")
    return lines
