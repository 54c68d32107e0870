"""``failures``: the jobs that have failed, and those among older records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command, add_json_option
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.exit_status import FAILURE
from pydatatask_cli.name_lookup import find_task
from pydatatask_cli.open_pipeline import opened
from pydatatask_cli.outcomes.failed_jobs import FailedJob, failed_jobs, live_jobs, outcomes_of, time_text
from pydatatask_cli.outcomes.old_failures import OldFailure, done_of, move, scan
from pydatatask_cli.reasons import reason
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.plain_text import one_line
from pydatatask_core.errors import UsageError
from pydatatask_core.outcomes.records import read_outcome
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "print_failures"]

_NONE = "-"
_NEXT = "next attempt"
_HEADINGS = ("task", "job", "kind", "attempt", "ended", _NEXT, "reason")

_Fields = Mapping[str, object]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "failures",
        print_failures,
        None,  # --move needs the repositories ready for writing
        details="List failed jobs: task, job, kind, attempt, end, next attempt, reason; on no terminal, between tabs.",
        examples=["", "count --json", "count --scan --move"],
    )
    parser.add_argument("task_name", metavar="TASK", nargs="?", help="the task; without it, all")
    add_json_option(parser, '{"TASK": {"JOB": {"state", "kind", "attempt", "ended", "retry_at", "reason"}}}')
    parser.add_argument(
        "--scan",
        action="store_true",
        help="list instead the failures among the records of jobs that are done, from before the task had failures=",
    )
    parser.add_argument("--move", action="store_true", help="with --scan: record them as failures, and not as done")


@returns_status
async def print_failures(
    pipeline: Pipeline, task_name: str | None, *, as_json: bool = False, scan: bool = False, move: bool = False
) -> int:
    """Print the jobs that have a record of failure: a table on a terminal, else a line each, with tabs in between.

    :param pipeline: The pipeline; it is opened if it is not open.
    :param task_name: The task; None for all.
    :param as_json: Whether to print JSON instead: an object of tasks, each an object of jobs.
    :param scan: Whether to list instead the failures among the records of what is done, as older versions and tasks
        without ``failures=`` write them. It reads each record once.
    :param move: With ``scan``, whether to record these as failures, and no longer as done.
    :returns: The exit status, 1 if a repository failed.
    """
    if move and not scan:
        raise UsageError("--move needs --scan")
    tasks = _tasks(pipeline, task_name, scan, move)
    found: dict[str, dict[str, _Fields]] = {}
    status = 0
    async with opened(pipeline, Access.WRITE if move else Access.OBSERVE):
        for task in tasks:
            try:
                fields = await (_scanned(pipeline, task, move) if scan else _recorded(pipeline, task))
            except Exception as error:
                output.write_error(f"cannot list the failures of {task.name}: {reason(error)}")
                status = FAILURE
                continue
            found[task.name] = fields
    _print(found, as_json)
    if not tasks:
        output.write_note(
            "no task records failures; give tasks failures=, or find failures among what is done: failures --scan"
        )
    return status


def _tasks(pipeline: Pipeline, name: str | None, scan: bool, move: bool) -> Sequence[Task]:
    """Return the tasks whose failures are listed.

    :raises UsageError: The task has no such records.
    """
    if name is None:
        tasks = list(pipeline.tasks.values())
        if scan and not move:
            return [task for task in tasks if done_of(task) is not None]
        return [task for task in tasks if task.outcomes is not None]
    task = find_task(pipeline, name)
    if move or not scan:
        outcomes_of(task)
    elif done_of(task) is None:
        raise UsageError(f"task {task.name} has no records of what is done, in which failures could be found")
    return [task]


async def _recorded(pipeline: Pipeline, task: Task) -> dict[str, _Fields]:
    return {failed.job: _fields_of(failed) for failed in await failed_jobs(pipeline, task)}


def _fields_of(failed: FailedJob) -> _Fields:
    record = failed.record
    return {
        "state": failed.state.value,
        "kind": record.kind,
        "attempt": record.attempt,
        "ended": failed.ended,
        "retry_at": failed.retry_at,
        "reason": record.summary,
    }


async def _scanned(pipeline: Pipeline, task: Task, moves: bool) -> dict[str, _Fields]:
    found = {old.job: old async for old in scan(pipeline, task)}
    if moves:
        live = await live_jobs(pipeline, task, found.keys())
        for job in live:
            output.write_note(f"job {job} of {task.name} is running, so its record stays as it is")
            del found[job]
        for old in found.values():
            await move(task, old)
    return {job: _fields_of_old(old, "moved" if moves else "done") for job, old in found.items()}


def _fields_of_old(old: OldFailure, state: str) -> _Fields:
    ended = time_text(read_outcome(old.record).end_time)
    return {
        "state": state,
        "kind": old.failure.kind,
        "attempt": None,
        "ended": ended,
        "retry_at": None,
        "reason": old.failure.summary,
    }


def _print(found: Mapping[str, Mapping[str, _Fields]], as_json: bool) -> None:
    if as_json:
        output.write_json(found)
        return
    on_terminal = output.on_terminal()
    rows = [_cells(task, job, fields, on_terminal) for task, jobs in found.items() for job, fields in jobs.items()]
    if on_terminal:
        from pydatatask_cli.terminal.tables import show_columns

        if rows:
            # Where no job waits, the reasons get the room of that column.
            shown = [at for at, name in enumerate(_HEADINGS) if name != _NEXT or any(row[at] != _NONE for row in rows)]
            show_columns([_HEADINGS[at] for at in shown], ([row[at] for at in shown] for row in rows))
        else:
            output.write_lines(["no failures"])
    else:
        output.write_lines("\t".join(cells) for cells in rows)


def _cells(task: str, job: str, fields: _Fields, on_terminal: bool) -> list[str]:
    state, ended, retry_at = str(fields["state"]), fields["ended"], fields["retry_at"]
    if on_terminal:
        ended, retry_at = _short_time(ended), _short_time(retry_at)
    next_attempt = retry_at or (state if state in ("running", "cancelling") else None)
    values = (fields["kind"], fields["attempt"], ended, next_attempt)
    texts = [_NONE if value is None else str(value) for value in values]
    return [task, one_line(job), *texts, one_line(str(fields["reason"])) or _NONE]


def _short_time(time: object) -> str | None:
    """Return a time of the local clock if it is one of today, else the day."""
    if time is None:
        return None
    local = datetime.fromisoformat(str(time)).astimezone()
    return f"{local:%H:%M:%S}" if local.date() == datetime.now(UTC).astimezone().date() else f"{local:%Y-%m-%d}"
