"""``run``: all ready jobs, until no job is running or ready."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_cli.arguments import add_command, seconds
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.exit_status import FAILURE, JOBS_FAILED
from pydatatask_cli.open_pipeline import opened
from pydatatask_cli.outcomes.run_report import RunReport
from pydatatask_cli.reasons import reason
from pydatatask_cli.signals import Interruption, current_interruption
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.plain_text import counted
from pydatatask_core.concurrency.clean_up import clean_up
from pydatatask_core.errors import PipelineStuckError, UsageError
from pydatatask_core.pipeline import Pipeline

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "run"]

_log = logging.getLogger("pydatatask.cli")

_SECONDS_TO_REPORT = 5.0
"""How long an interrupted run may take to find out which jobs keep running."""


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "run",
        run,
        # The lock of --exclusive has to be held before the pipeline is opened.
        None,
        details=(
            "Run all ready jobs, and those that become ready, then exit: with 0, with 3 if jobs have failed,\n"
            "with 1 if jobs remain that could not be run."
        ),
        examples=["", "--timeout 600", "--exclusive --forever", "--drain 25"],
    )
    parser.add_argument("--forever", action="store_true", help="keep running when no job is running or ready")
    parser.add_argument(
        "--launch-once", action="store_true", help="launch only the jobs that are ready now, and wait for them"
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="stop after SECONDS; exit with 1 if jobs remain",
    )
    parser.add_argument(
        "--exclusive",
        action="store_true",
        help="refuse to start while another process of this machine runs the pipeline",
    )
    parser.add_argument("--wait", action="store_true", help="with --exclusive: wait for that process to end")
    parser.add_argument("--failed-ok", action="store_true", help="exit with 0 even if jobs have failed")
    parser.add_argument("--fail-fast", action="store_true", help="launch nothing more once a job has failed for good")
    parser.add_argument(
        "--no-wait",
        dest="wait_for_retries",
        action="store_false",
        help="do not wait for failed jobs whose next attempt is due later; exit with 3 if there are any",
    )
    parser.add_argument(
        "--drain",
        type=seconds,
        metavar="SECONDS",
        help="at a first Ctrl-C or SIGTERM, launch nothing more, and give jobs of this process up to SECONDS to end",
    )


@returns_status
async def run(
    pipeline: Pipeline,
    forever: bool,
    launch_once: bool,
    timeout: float | None,
    *,
    exclusive: bool = False,
    wait: bool = False,
    failed_ok: bool = False,
    fail_fast: bool = False,
    wait_for_retries: bool = True,
    drain: float | None = None,
) -> int:
    """Run the pipeline until no job is live or ready; on a terminal, show the progress of each task.

    Once it has ended, a summary on standard error says how many jobs ran and which have failed; where all went well,
    only on a terminal.

    :param pipeline: The pipeline; it is opened if it is not open.
    :param forever: Whether to keep running when no job is live or ready.
    :param launch_once: Whether to launch only the jobs that are ready at the start, and wait for them.
    :param timeout: Seconds after which to stop; processes and pods keep running.
    :param exclusive: Whether to refuse to start while another process of this machine runs the pipeline with
        ``exclusive``. A pipeline is the same if its script and its repositories are.
    :param wait: Whether to wait for that process instead.
    :param failed_ok: Whether failed jobs are no reason for another exit status than 0.
    :param fail_fast: Whether to launch nothing more once a job has failed for good.
    :param wait_for_retries: Whether to wait for failed jobs whose next attempt is due later.
    :param drain: Optional: at the first Ctrl-C or SIGTERM of the command line, launch nothing more, and wait at most so
        many seconds for the jobs that would end with this process, before everything goes as without it.
    :returns: The exit status: 3 if jobs have failed, in this run or, where tasks record failures, before; 1 if jobs
        remain, or another process runs the pipeline.
    """
    if wait and not exclusive:
        raise UsageError("--wait needs --exclusive")
    how = _How(forever, launch_once, timeout, wait_for_retries, drain)
    try:
        async with _lock(pipeline, exclusive, wait), opened(pipeline):
            has_failures = await _run_and_tell(pipeline, how, fail_fast)
    except PipelineStuckError as error:
        output.write_error("the pipeline cannot go on: no job is live, and", *error.reasons)
        return FAILURE
    except TimeoutError:
        if timeout is None:
            raise
        output.write_error(
            f"stopped after {counted(timeout, 'second')}; processes and pods keep running, and `run` goes on with them"
        )
        return FAILURE
    return JOBS_FAILED if has_failures and not failed_ok else 0


class _How(NamedTuple):
    """How to run: the arguments of :func:`run` that the pipeline needs."""

    forever: bool
    launch_once: bool
    timeout: float | None
    wait_for_retries: bool
    drain: float | None


async def _run_and_tell(pipeline: Pipeline, how: _How, fail_fast: bool) -> bool:
    """Run the pipeline, say what that has done, and return whether jobs have failed."""
    await _tell_of_older_failures(pipeline)
    report = RunReport(pipeline, fail_fast)
    try:
        with report.listening():
            async with _progress(pipeline, report):
                await _run(pipeline, how)
                await _warn_of_idle_tasks(pipeline)
    except (PipelineStuckError, TimeoutError):
        await _tell_summary(report)
        raise
    return await _tell_summary(report)


async def _tell_summary(report: RunReport) -> bool:
    summary = await report.summary()
    # A timer or service need not hear that all went well; a person may want to know.
    if summary.lines and (summary.has_failures or output.on_terminal()):
        output.write_note(*summary.lines)
    return summary.has_failures


async def _tell_of_older_failures(pipeline: Pipeline) -> None:
    """Say that failures count as successes which were recorded before a task had ``failures=``."""
    recorded = [(task.name, task.outcomes) for task in pipeline.tasks.values() if task.outcomes is not None]
    if not recorded:
        return
    from pydatatask_cli.outcomes.old_failures import has_older_records

    for name, outcomes in recorded:
        if await has_older_records(outcomes):
            output.write_note(
                f"{name} has older records of what is done, and failures among them count as successes; to find "
                f"them: failures {name} --scan"
            )


def _lock(pipeline: Pipeline, exclusive: bool, wait: bool) -> AbstractAsyncContextManager[None]:
    if not exclusive:
        return nullcontext()
    from pydatatask_cli.exclusive import running_alone

    return running_alone(pipeline, wait, _report_waiting)


def _report_waiting(holder: str) -> None:
    output.write_note(f"waiting until no other controller of this pipeline runs on this machine ({holder})")


async def _run(pipeline: Pipeline, how: _How) -> None:
    interruption = current_interruption.get()
    try:
        with _draining(pipeline, interruption, how.drain):
            await pipeline.run(how.forever, how.launch_once, how.timeout, wait_for_retries=how.wait_for_retries)
    except asyncio.CancelledError:
        await _try_to_report_live_jobs(pipeline)
        raise
    if interruption is not None and interruption.received is not None:
        await _try_to_report_live_jobs(pipeline)


def _draining(
    pipeline: Pipeline, interruption: Interruption | None, seconds: float | None
) -> AbstractContextManager[None]:
    if interruption is None or seconds is None:
        return nullcontext()

    def begin() -> None:
        patience = counted(seconds, "second")
        output.write_note(f"launching nothing more; waiting up to {patience} for jobs of this process")
        pipeline.stop_launching(leave_running=True)

    return interruption.draining(begin, seconds)


async def _try_to_report_live_jobs(pipeline: Pipeline) -> None:
    try:
        await clean_up(_report_live_jobs(pipeline), _SECONDS_TO_REPORT)
    except Exception as error:
        _log.warning("cannot determine which jobs keep running: %s", reason(error))


async def _warn_of_idle_tasks(pipeline: Pipeline) -> None:
    """Warn of inputs that look misspelt, as the run has ended without any job of theirs."""
    from pydatatask_cli.idle_tasks import explain_idle_tasks

    try:
        for line in await explain_idle_tasks(pipeline):
            _log.warning("%s", line)
    except Exception as error:
        _log.debug("cannot determine which tasks have been idle: %s", reason(error))


async def _report_live_jobs(pipeline: Pipeline) -> None:
    """Say which jobs keep running after an interruption."""
    from pydatatask_cli.terminal.progress import live_jobs

    counts = await live_jobs(pipeline)
    if counts:
        jobs = ", ".join(f"{count} of {task}" for task, count in counts.items())
        output.write_note(f"interrupted; jobs still running: {jobs}; `run` goes on with them")


def _progress(pipeline: Pipeline, report: RunReport) -> AbstractAsyncContextManager[None]:
    """Show progress on a terminal, and with ``-v`` log it elsewhere."""
    from pydatatask_cli.terminal.progress import logging_progress, logs_progress, showing_progress

    if output.on_terminal():
        return showing_progress(pipeline, report.failed_in_run)
    return logging_progress(pipeline, failed_in_run=report.failed_in_run) if logs_progress() else nullcontext()
