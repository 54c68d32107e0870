"""``cancel``: stop jobs that run, and wait for their end."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command, seconds
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.exit_status import FAILURE
from pydatatask_cli.name_lookup import find_task
from pydatatask_cli.open_pipeline import opened
from pydatatask_cli.outcomes.cancellation import Cancellation, CancelState
from pydatatask_cli.outcomes.failed_jobs import outcomes_of
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.plain_text import counted
from pydatatask_core.errors import UsageError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["PATIENCE_SECONDS", "SILENT_SECONDS", "add_parser", "cancel"]

PATIENCE_SECONDS = 60.0
"""How long ``cancel`` waits, unless it is told otherwise."""

SILENT_SECONDS = 2.0
"""After how long ``cancel`` says what it waits for."""


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "cancel",
        cancel,
        details="Stop jobs that run here, elsewhere or in another controller, and wait for their end.",
        examples=["count jonah", "count jonah esther --timeout 5"],
    )
    parser.add_argument("task_name", metavar="TASK", help="the task")
    parser.add_argument("job", metavar="JOB", nargs="+", help="a job that runs")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        default=PATIENCE_SECONDS,
        help=f"how long to wait for their end; {PATIENCE_SECONDS:g} unless given",
    )


@returns_status
async def cancel(pipeline: Pipeline, task_name: str, job: list[str], *, timeout: float = PATIENCE_SECONDS) -> int:
    """Cancel jobs, wait until they have ended, and print for each how: ``JOB TASK cancelled``.

    A job may succeed or fail by itself before it is stopped, and counts as ``succeeded`` or ``failed`` then. A job that
    waits for its next attempt is not tried again.

    :param pipeline: The pipeline; it is opened if it is not open.
    :param task_name: The task.
    :param job: The jobs.
    :param timeout: How many seconds to wait.
    :returns: The exit status, 1 if a job is not running, or has not ended in time.
    """
    task = find_task(pipeline, task_name)
    if task.outcomes is None:
        raise UsageError(
            f"task {task.name} records no failures, so that a cancelled job would start again; give it failures=, or "
            f"stop its jobs by deleting what they are made of: rm -r {task.name} JOB"
        )
    for name in job:
        outcomes_of(task).failures.require_valid(name)
    async with opened(pipeline):
        await task.update()  # so that it knows which jobs are live
        cancellation = Cancellation(pipeline, task)
        obstacles = {name: await cancellation.obstacle(name) for name in dict.fromkeys(job)}
        for obstacle in filter(None, obstacles.values()):
            output.write_error(obstacle)
        wanted = [name for name, obstacle in obstacles.items() if obstacle is None]
        with _explaining_the_wait(timeout):
            left = await cancellation.cancel(wanted, timeout, lambda name, state: _print(task, name, state))
    if left:
        _report_left(task, left, timeout)
    return FAILURE if left or any(obstacles.values()) else 0


@contextmanager
def _explaining_the_wait(timeout: float) -> Generator[None, None, None]:
    """Say what a long wait is for, which may have to be cut short."""
    note = (
        f"waiting up to {counted(timeout, 'second')} until what runs the jobs has stopped them; Ctrl-C ends only the "
        "wait, and the requests stay"
    )
    timer = asyncio.get_running_loop().call_later(SILENT_SECONDS, output.write_note, note)
    try:
        yield
    finally:
        timer.cancel()


def _print(task: Task, job: str, state: CancelState) -> None:
    output.write_lines([f"{job} {task.name} {state.value}"])
    output.flush()


def _report_left(task: Task, jobs: Sequence[str], timeout: float) -> None:
    names, seconds = ", ".join(jobs), counted(timeout, "second")
    subject, them = (f"job {names}", "it") if len(jobs) == 1 else (f"jobs {names}", "them")
    output.write_error(
        f"{subject} of {task.name} {'has' if len(jobs) == 1 else 'have'} not ended in {seconds}; perhaps no `run` "
        f"controls {them}, or it takes longer to stop. The request stays, and the next "
        f"`run` carries it out; to withdraw it: retry {task.name} {' '.join(jobs)}"
    )
