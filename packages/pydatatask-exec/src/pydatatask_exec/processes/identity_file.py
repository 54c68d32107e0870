"""Read the file for the identity in a job's directory: which process the job is, and which one records its end.

A launcher writes one line, its own identity. A supervisor writes its identity on the first line and that of the process
on the second.
"""

from __future__ import annotations

from typing import NamedTuple

from pydatatask_exec.processes.local.supervisor.protocol import RECORDER

__all__ = ["Marks", "parse_marks"]

_RECORDER = RECORDER.decode()


class Marks(NamedTuple):
    """The processes that the file names."""

    process: str | None
    """The identity of the first process of the job's session, or None if it is not started or not named yet."""

    recorder: str
    """The identity of the process that records how it ends."""


def parse_marks(text: str | None) -> Marks | None:
    """Read the file. Return None if it is not complete, or says that the claim was revoked.

    :param text: Its content, or None if there is no such file.
    """
    *lines, _ = (text or "").split("\n")
    if not lines or lines[0].count(":") < 2:
        return None
    if not lines[0].startswith(_RECORDER):
        return Marks(lines[0], lines[0])
    return Marks(lines[1] if len(lines) > 1 else None, lines[0].removeprefix(_RECORDER))
