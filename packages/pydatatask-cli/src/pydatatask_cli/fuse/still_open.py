"""Tell whether a file that one process closes is still open for writing in another.

The kernel sends FLUSH at every ``close`` and RELEASE after the last one. Only FLUSH can report an error to the program,
but it does not tell whether others have the file open: in ``(echo a; sort b) > file``, the end of ``sort`` is a FLUSH
though the shell goes on writing. A value that is half written must not become a job, so the processes that can have
the file are examined: the one that opened it, and its descendants. A file that was passed on in another way, through a
socket for example, is missed; it is stored too early, and once more at its last close.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

__all__ = ["is_held"]


def is_held(path: str, opener: int) -> bool:
    """Tell whether a process has a file open for writing. Blocks while it reads ``/proc``.

    :param path: The path of the file.
    :param opener: The process that opened it. If it has ended, all processes are examined.
    """
    # The kernel reports a thread as the opener; /proc finds threads by their number too, though it does not list them.
    processes = list(_family(opener)) if os.path.exists(f"/proc/{opener}/fd") else _all_processes()
    return any(_holds(process, path) for process in processes)


def _all_processes() -> Iterator[int]:
    own = os.getpid()
    return (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own)


def _family(process: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    waiting = [process]
    while waiting:
        process = waiting.pop()
        yield process
        waiting.extend(_children(process))


def _children(process: int) -> Iterator[int]:
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                yield from map(int, file.read().split())
    except OSError:
        return  # it has ended, or belongs to another user


def _holds(process: int, path: str) -> bool:
    try:
        return any(_is_open(process, number, path) for number in os.listdir(f"/proc/{process}/fd"))
    except OSError:
        # It has ended, or belongs to another user, who cannot open files of this mount.
        return False


def _is_open(process: int, number: str, path: str) -> bool:
    try:
        return os.readlink(f"/proc/{process}/fd/{number}") == path and _is_for_writing(process, number)
    except OSError:
        return False  # it has been closed meanwhile


def _is_for_writing(process: int, number: str) -> bool:
    with open(f"/proc/{process}/fdinfo/{number}", encoding="ascii") as file:
        flags = next(line.split()[1] for line in file if line.startswith("flags:"))
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
