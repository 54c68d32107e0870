"""What only Linux offers to programs: descriptors of processes, the clock since boot, and a look at ended children.

Nothing else asks for the platform, so that type checkers can be told of another one.
"""

from __future__ import annotations

import errno
import os
import sys
import time

__all__ = ["ended_child", "pidfd_open", "seconds_since_boot"]

_ENDED_BY_SIGNAL = 128
"""What shells add to the number of the signal that has ended a process."""

if sys.platform == "linux":

    def pidfd_open(pid: int) -> int:
        """Return a descriptor of a process, which is readable once that has ended.

        :param pid: The process id.
        :raises ProcessLookupError: There is no such process.
        """
        return os.pidfd_open(pid)

    def seconds_since_boot() -> float:
        """Return the time since the machine was started, by the clock that process start times are given in."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def ended_child() -> tuple[int, int] | None:
        """Return the process id and exit status of a child that has ended, or None. The child stays a zombie.

        The status of one that a signal has ended is 128 plus its number, as shells have it.
        """
        # WNOWAIT: /proc goes on to show the process until its status is recorded, and its id is not given to another.
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_pid, ended.si_status + (0 if ended.si_code == os.CLD_EXITED else _ENDED_BY_SIGNAL)

else:

    def pidfd_open(pid: int) -> int:
        """Refuse to work.

        :param pid: The process id.
        """
        raise OSError(errno.ENOSYS, f"process {pid} cannot be watched on {sys.platform}")

    def seconds_since_boot() -> float:
        """Return a time that rises; nothing compares it with those of other processes."""
        return time.monotonic()

    def ended_child() -> tuple[int, int] | None:
        """Refuse to work."""
        raise OSError(errno.ENOSYS, f"children cannot be waited for on {sys.platform}")
