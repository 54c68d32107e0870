"""A directory in which the workers of a process pool note what they run.

A pool does not tell which of its processes runs which job, so only the worker itself knows. Its note has its pid and
when it began, by the monotonic clock, which all processes of a machine share. The note of a job that is to be stopped
has another beside it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["RunDirectory", "RunNote"]


class RunNote(NamedTuple):
    """What a worker has noted about a run."""

    pid: int
    """The worker."""

    began: float
    """When it began, by :func:`time.monotonic`."""


class RunDirectory:
    """The notes about the runs of one task.

    :param path: The directory.
    """

    def __init__(self, path: str) -> None:
        self.path: str = path

    def _note(self, run: int) -> str:
        return os.path.join(self.path, str(run))

    def _stop(self, run: int) -> str:
        return os.path.join(self.path, f"{run}.stop")

    def begin(self, run: int) -> None:
        """Note that this process begins a run.

        :param run: The number of the run.
        """
        draft = os.path.join(self.path, f"{run}.new")
        Path(draft).write_text(f"{os.getpid()} {time.monotonic()}", encoding="ascii")
        os.rename(draft, self._note(run))  # so that nobody reads half of it

    def end(self, run: int) -> None:
        """Remove what is noted about a run that has ended.

        :param run: The number of the run.
        """
        for path in (self._note(run), self._stop(run)):
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue  # there was no request; or the pipeline has removed the directory, as its process is ending

    def read(self, run: int) -> RunNote | None:
        """Return the note about a run, or None if it has not begun, or has ended.

        :param run: The number of the run.
        """
        try:
            pid, began = Path(self._note(run)).read_text(encoding="ascii").split()
        except FileNotFoundError:
            return None
        return RunNote(int(pid), float(began))

    def request_stop(self, run: int) -> None:
        """Note that a run is to be stopped, or not to begin.

        :param run: The number of the run.
        """
        os.makedirs(self.path, mode=0o700, exist_ok=True)  # a cleaner of /tmp may have removed it
        Path(self._stop(run)).touch()

    def is_stopped(self, run: int) -> bool:
        """Return whether a run is to be stopped.

        :param run: The number of the run.
        """
        return os.path.exists(self._stop(run))

    def remove(self) -> None:
        """Remove the directory."""
        import shutil

        shutil.rmtree(self.path, ignore_errors=True)
