"""Whether a file that one process closes is still open elsewhere.

FUSE tells of every ``close`` and of the last one, but an error can be reported to a program only where it is not known
yet which of the two it is: ``(echo a; sort b) > file`` closes the file when ``sort`` ends, and goes on. What is half
written then must not become a job. So the processes that can have the file are asked: the one that opened it, and its
descendants. The answer may be wrong where a file was handed on by other ways, and then the file is stored too early,
and once more at the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

__all__ = ["is_held"]


def is_held(path: str, opener: int) -> bool:
    """Tell whether a process has a file open for writing. It blocks, if only for a moment.

    :param path: The path of the file.
    :param opener: The process that opened it, to begin with; where it has ended, all processes are asked.
    """
    processes = list(_family(opener)) if os.path.exists(f"/proc/{opener}/fd") else _all_processes()
    return any(_holds(process, path) for process in processes)


def _all_processes() -> Iterator[int]:
    own = os.getpid()
    return (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own)


def _family(process: int) -> Iterator[int]:
    """Give a process and all its descendants."""
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
        return  # it has ended, or is somebody else's


def _holds(process: int, path: str) -> bool:
    try:
        return any(_is_open(process, number, path) for number in os.listdir(f"/proc/{process}/fd"))
    except OSError:
        return False  # it has ended, or is somebody else's, who cannot have the file


def _is_open(process: int, number: str, path: str) -> bool:
    try:
        return os.readlink(f"/proc/{process}/fd/{number}") == path and _is_for_writing(process, number)
    except OSError:
        return False  # it has been closed meanwhile


def _is_for_writing(process: int, number: str) -> bool:
    with open(f"/proc/{process}/fdinfo/{number}", encoding="ascii") as file:
        flags = next(line.split()[1] for line in file if line.startswith("flags:"))
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
