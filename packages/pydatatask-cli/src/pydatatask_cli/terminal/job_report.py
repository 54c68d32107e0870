"""The report of ``status`` and ``trace``: a value for each link, as a table, as lines or as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.link_rows import TaskRows
from pydatatask_cli.terminal.notes import collect_notes

__all__ = ["print_report"]

V = TypeVar("V")

_FAILED = "?"


async def print_report(
    rows: Sequence[TaskRows],
    values: Sequence[Sequence[V | None]],
    text: Callable[[V], str],
    *,
    numeric: bool,
    as_json: bool,
    jobs: Collection[str] | None = None,
    remarks: Callable[[], Awaitable[Mapping[str, Sequence[str]]]] | None = None,
) -> None:
    """Print a value for each link, and the notes of the tasks.

    On a terminal that is a table with the notes below it; otherwise a block of lines for each task, in which notes
    begin with ``#``. JSON has no notes.

    :param rows: The links.
    :param values: For each task a value for each link; None, shown as ``?``, where the repository failed.
    :param text: Makes a value readable.
    :param numeric: Whether the values are numbers.
    :param as_json: Whether to print JSON.
    :param jobs: Optional: only notes on these jobs are wanted.
    :param remarks: Optional: returns what else to say of tasks, by name. It is not asked for JSON.
    """
    if as_json:
        output.write_json({row.task.name: _named(row, of_task) for row, of_task in zip(rows, values, strict=True)})
        return
    notes = await collect_notes(rows, jobs)
    others: Mapping[str, Sequence[str]] = {} if remarks is None else await remarks()
    told: list[Sequence[str]] = [others.get(row.task.name, ()) for row in rows]
    texts = [[_FAILED if value is None else text(value) for value in of_task] for of_task in values]
    if output.on_terminal():
        _print_table(rows, texts, [[*some, *more] for some, more in zip(notes, told, strict=True)], numeric)
    else:
        named = [[f"{row.task.name}: {line}" for line in lines] for row, lines in zip(rows, told, strict=True)]
        _print_lines(rows, texts, [[*some, *more] for some, more in zip(notes, named, strict=True)])


def _named(row: TaskRows, values: Sequence[V]) -> dict[str, V]:
    return {data.name: value for data, value in zip(row.data, values, strict=True)}


def _print_table(
    rows: Sequence[TaskRows], texts: Sequence[Sequence[str]], notes: Sequence[Sequence[str]], numeric: bool
) -> None:
    from pydatatask_cli.terminal.tables import show_table

    show_table(rows, "jobs", texts, numeric)
    for row, lines in zip(rows, notes, strict=True):
        output.write_lines(f"{row.task.name}: {line}" for line in lines)


def _print_lines(rows: Sequence[TaskRows], texts: Sequence[Sequence[str]], notes: Sequence[Sequence[str]]) -> None:
    for row, of_task, lines in zip(rows, texts, notes, strict=True):
        links = (f"{data} {text}".rstrip() for data, text in zip(row.data, of_task, strict=True))
        output.write_lines([row.task.name, *links, *(f"# {line}" for line in lines), ""])
