"""Read the file for the identity in a job's directory: which process the job is, who records its end, who claims it.

The launcher of another machine writes one line, its own identity. A supervisor writes its identity on a line
``supervisor ID``, the claim's controller and attempt on a line ``owner ID ATTEMPT``, and the identity of the process,
once there is one, on a line of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from pydatatask_exec.processes.local.supervisor.protocol import OWNER, RECORDER

__all__ = ["Marks", "Owner", "parse_marks", "parse_owner"]

_RECORDER = RECORDER.decode()
_OWNER = OWNER.decode()


class Owner(NamedTuple):
    """Who has made a claim."""

    controller: str
    """The identity of the pipeline's process."""

    attempt: str
    """Distinguishes this launch from all others of the controller."""


class Marks(NamedTuple):
    """The processes that the file names."""

    process: str | None
    """The identity of the first process of the job's session, or None if it is not started or not named yet."""

    recorder: str
    """The identity of the process that records how it ends."""

    owner: Owner | None
    """Who has made the claim, where that is written."""


def parse_marks(text: str | None) -> Marks | None:
    """Read the file. Return None if it is not complete, or says that the claim was revoked.

    :param text: Its content, or None if there is no such file.
    """
    *lines, _ = (text or "").split("\n")
    if not lines or lines[0].count(":") < 2:
        return None
    if not lines[0].startswith(_RECORDER):
        return Marks(lines[0], lines[0], None)
    owner = parse_owner(lines[1]) if len(lines) > 1 else None
    process = lines[1 if owner is None else 2 :]
    return Marks(process[0] if process else None, lines[0].removeprefix(_RECORDER), owner)


def parse_owner(line: str) -> Owner | None:
    """Read the line of a claim's owner; None for anything else.

    :param line: The line.
    """
    if not line.startswith(_OWNER):
        return None
    controller, _, attempt = line.removeprefix(_OWNER).rstrip("\n").partition(" ")
    return Owner(controller, attempt)
