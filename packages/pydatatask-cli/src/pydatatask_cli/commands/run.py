"""``run``: all ready jobs, until no job is running or ready."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command, seconds
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.exit_status import FAILURE
from pydatatask_cli.open_pipeline import opened
from pydatatask_cli.reasons import reason
from pydatatask_cli.terminal import output
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
        "Run update in a loop until everything is quiet",
        # The lock of --exclusive has to be held before the pipeline is opened.
        None,
        details="Run all ready jobs, and those that become ready, then exit.",
        examples=["", "--timeout 600", "--exclusive --forever"],
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


@returns_status
async def run(
    pipeline: Pipeline,
    forever: bool,
    launch_once: bool,
    timeout: float | None,
    *,
    exclusive: bool = False,
    wait: bool = False,
) -> int:
    """Run the pipeline until no job is live or ready; on a terminal, show the progress of each task.

    :param pipeline: The pipeline; it is opened if it is not open.
    :param forever: Whether to keep running when no job is live or ready.
    :param launch_once: Whether to launch only the jobs that are ready at the start, and wait for them.
    :param timeout: Seconds after which to stop; processes and pods keep running.
    :param exclusive: Whether to refuse to start while another process of this machine runs the pipeline with
        ``exclusive``. A pipeline is the same if its script and its repositories are.
    :param wait: Whether to wait for that process instead.
    :returns: The exit status, 1 if jobs remain, or another process runs the pipeline.
    """
    if wait and not exclusive:
        raise UsageError("--wait needs --exclusive")
    try:
        async with _lock(pipeline, exclusive, wait), opened(pipeline), _progress(pipeline):
            await _run(pipeline, forever, launch_once, timeout)
            await _warn_of_idle_tasks(pipeline)
    except PipelineStuckError as error:
        output.write_error("the pipeline cannot go on: no job is live, and", *error.reasons)
        return FAILURE
    except TimeoutError:
        if timeout is None:
            raise
        output.write_error(
            f"stopped after {timeout:g} seconds; processes and pods keep running, and `run` goes on with them"
        )
        return FAILURE
    return 0


def _lock(pipeline: Pipeline, exclusive: bool, wait: bool) -> AbstractAsyncContextManager[None]:
    if not exclusive:
        return nullcontext()
    from pydatatask_cli.exclusive import running_alone

    return running_alone(pipeline, wait, _report_waiting)


def _report_waiting(holder: str) -> None:
    output.write_note(f"waiting until no other controller of this pipeline runs on this machine ({holder})")


async def _run(pipeline: Pipeline, forever: bool, launch_once: bool, timeout: float | None) -> None:
    try:
        await pipeline.run(forever, launch_once, timeout)
    except asyncio.CancelledError:
        try:
            await clean_up(_report_live_jobs(pipeline), _SECONDS_TO_REPORT)
        except Exception as error:
            _log.warning("cannot determine which jobs keep running: %s", reason(error))
        raise


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


def _progress(pipeline: Pipeline) -> AbstractAsyncContextManager[None]:
    """Show progress on a terminal, and with ``-v`` log it elsewhere."""
    from pydatatask_cli.terminal.progress import logging_progress, logs_progress, showing_progress

    if output.on_terminal():
        return showing_progress(pipeline)
    return logging_progress(pipeline) if logs_progress() else nullcontext()
