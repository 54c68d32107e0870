"""What the file for a job's identity says, in the job's directory: which process it is, and who records how that ends.

A launcher records itself: one line, with its identity. A supervisor names itself on the first line, and the process on
the second.
"""

from __future__ import annotations

from typing import NamedTuple

from pydatatask_exec.processes.local.supervisor.protocol import RECORDER

__all__ = ["Marks", "parse_marks"]

_RECORDER = RECORDER.decode()


class Marks(NamedTuple):
    """Who is who."""

    process: str | None
    """The identity of the first process of the job's session; None if it is still to be started, or was not told."""

    recorder: str
    """The identity of the process that records how it ends."""


def parse_marks(text: str | None) -> Marks | None:
    """Read the file; None if it has not been completed, or says that the claim was taken back.

    :param text: Its content, or None if there is no such file.
    """
    *lines, _ = (text or "").split("\n")
    if not lines or lines[0].count(":") < 2:
        return None
    if not lines[0].startswith(_RECORDER):
        return Marks(lines[0], lines[0])
    return Marks(lines[1] if len(lines) > 1 else None, lines[0].removeprefix(_RECORDER))
