"""What tasks have to say about live jobs, for ``status`` and ``trace``: why one does not get on, say."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydatatask_cli.gather import gather
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.overview import TaskRows

__all__ = ["ask_for_remarks", "write_remarks"]


async def ask_for_remarks(rows: list[TaskRows], jobs: Collection[str] | None = None) -> list[list[str]]:
    """Ask tasks for their remarks.

    :param rows: The tasks.
    :param jobs: Optional: only remarks on these jobs are wanted.
    :returns: For each task its remarks, a line each; one that concerns many jobs names the first.
    """
    return [_lines(notes, jobs) for notes in await gather(row.task.notes() for row in rows)]


def _lines(notes: Mapping[str, str], jobs: Collection[str] | None) -> list[str]:
    concerned: dict[str, list[str]] = {}
    for job in sorted(notes):
        if jobs is None or job in jobs:
            concerned.setdefault(notes[job], []).append(job)
    return [f"# {_named(names)}: {note}" for note, names in concerned.items()]


def _named(jobs: list[str]) -> str:
    others = len(jobs) - 1
    return f"job {jobs[0]}" + (f" and {others} more" if others else "")


def write_remarks(rows: list[TaskRows], remarks: list[list[str]]) -> None:
    """Print remarks below a table.

    :param rows: The tasks.
    :param remarks: Their remarks.
    """
    for row, lines in zip(rows, remarks, strict=True):
        output.write_lines(f"{row.task.name}: {line.removeprefix('# ')}" for line in lines)
