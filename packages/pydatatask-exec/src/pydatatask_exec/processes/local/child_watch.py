"""Notice at once that a process has ended, by a descriptor that the kernel makes readable then (a pidfd)."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable

from pydatatask_exec.processes.local.supervisor.linux import pidfd_open

__all__ = ["ChildWatch", "child_watch", "wait_for_child"]


class ChildWatch:
    """The processes whose end one event loop waits for.

    It must not keep a reference to its loop, or neither would ever be freed: the loop is the key it is found by.
    """

    def __init__(self) -> None:
        self._descriptors: set[int] = set()
        weakref.finalize(self, _close_all, self._descriptors)

    def watch(self, pid: int, on_exit: Callable[[], None]) -> bool:
        """Have a function called once a process has ended. If it is a child of this one, it is waited for.

        :param pid: A process id. The caller checks afterwards that it is the right process.
        :param on_exit: The function; it is called in the loop.
        :returns: Whether the process can be watched: there may be too many open files, or it is gone already.
        """
        try:
            descriptor = pidfd_open(pid)
        except OSError:
            return False
        self._descriptors.add(descriptor)
        asyncio.get_running_loop().add_reader(descriptor, self._ended, pid, descriptor, on_exit)
        return True

    def _ended(self, pid: int, descriptor: int, on_exit: Callable[[], None]) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        self._descriptors.discard(descriptor)
        os.close(descriptor)
        wait_for_child(pid)
        on_exit()


def wait_for_child(pid: int) -> bool:
    """Wait for a child that has ended, so that no zombie is left of it.

    :param pid: Its process id.
    :returns: Whether it is no child of this process, or no longer.
    """
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True  # another process's child, or another thread has waited for it


def _close_all(descriptors: set[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


_watches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, ChildWatch] = weakref.WeakKeyDictionary()


def child_watch() -> ChildWatch:
    """Return the watch of the running event loop."""
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = ChildWatch()
    return watch
