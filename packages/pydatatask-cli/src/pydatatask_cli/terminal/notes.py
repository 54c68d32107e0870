"""Notes of tasks on live jobs, such as why a pod cannot start, as lines of text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pydatatask_cli.gather import gather
from pydatatask_cli.terminal.link_rows import TaskRows

__all__ = ["collect_notes"]


async def collect_notes(rows: Sequence[TaskRows], jobs: Collection[str] | None = None) -> list[list[str]]:
    """Ask tasks for their notes.

    :param rows: The tasks.
    :param jobs: Optional: only notes on these jobs are wanted.
    :returns: For each task its notes, a line each; a note on many jobs names the first.
    """
    return [_lines(notes, jobs) for notes in await gather(row.task.notes() for row in rows)]


def _lines(notes: Mapping[str, str], jobs: Collection[str] | None) -> list[str]:
    concerned: dict[str, list[str]] = {}
    for job in sorted(notes):
        if jobs is None or job in jobs:
            concerned.setdefault(notes[job], []).append(job)
    return [f"{_named(names)}: {note}" for note, names in concerned.items()]


def _named(jobs: list[str]) -> str:
    others = len(jobs) - 1
    return f"job {jobs[0]}" + (f" and {others} more" if others else "")
