"""The journal: a line for each thing that happens to a job, in the order in which it happens.

Attempts write `start` and `end`, those in the pipeline's process `fail` as well, and `overlap` where the job is running
already. Whoever disturbs a job writes what he does to it beforehand: `killed`, `evicted`, `forgot`, `removed`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from integration.chaos.scene import Scene

SHELL_ATTEMPT = """\
exec 9>>{locks}/{{{{task}}}}.{{{{job}}}}
flock -n 9 || {{ echo "overlap {{{{task}}}} {{{{job}}}} $$" >>{journal}; exit 99; }}
echo "start {{{{task}}}} {{{{job}}}} $$" >>{journal}
{command} 9>&-
sleep {seconds} 9>&-
echo "end {{{{task}}}} {{{{job}}}} $$" >>{journal}
"""


class Entry(NamedTuple):
    """A line of the journal."""

    what: str
    task: str
    job: str
    detail: str


def write(path: Path, what: str, task: str, job: str, detail: str | int) -> None:
    """Append a line, in one go."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{what} {task} {job} {detail}\n".encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> list[Entry]:
    """Give all lines; one that was cut off by a kill is none."""
    if not path.exists():
        return []
    whole = path.read_text().rpartition("\n")[0]
    return [Entry(*line.split(" ", 3)) for line in whole.splitlines()]


def shell_attempt(scene: Scene, command: str) -> str:
    """Give the template of a script that does one job under a lock that goes with the process, and says so."""
    return SHELL_ATTEMPT.format(locks=scene.locks, journal=scene.journal, seconds=scene.seconds, command=command)


@contextmanager
def attempt(scene: Scene, task: str, job: str) -> Iterator[None]:
    """Do the same for a job in this process."""
    with (scene.locks / f"{task}.{job}").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            write(scene.journal, "overlap", task, job, os.getpid())
            raise
        write(scene.journal, "start", task, job, os.getpid())
        try:
            yield
        except BaseException:
            write(scene.journal, "fail", task, job, os.getpid())
            raise
        write(scene.journal, "end", task, job, os.getpid())
