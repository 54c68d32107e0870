"""End processes whose time is up: TERM for their process groups, and KILL once the grace is over."""

from __future__ import annotations

import os
import signal
import time

__all__ = ["Deadlines", "end_group"]

_LINGERING_SECONDS = 0.05


class _Deadline:
    """The time that a process group has."""

    __slots__ = ("at", "grace", "has_lost_leader", "is_told", "mark")

    def __init__(self, at: float, grace: float, mark: bytes) -> None:
        self.at: float = at
        self.grace: float = grace
        self.mark: bytes = mark
        self.is_told: bool = False
        self.has_lost_leader: bool = False


class Deadlines:
    """The process groups that are ended when their time is up.

    A group has its leader's process id. The kernel gives that to no other process as long as the group has members.
    """

    def __init__(self) -> None:
        self._deadlines: dict[int, _Deadline] = {}

    def add(self, group: int, timeout: float, grace: float, mark: bytes) -> None:
        """Give a process group its time, from now on.

        :param group: The process group.
        :param timeout: After how many seconds it is told to end.
        :param grace: How many seconds later it is killed.
        :param mark: The file to make when it is told.
        """
        self._deadlines[group] = _Deadline(time.monotonic() + timeout, grace, mark)

    def seconds_left(self) -> float | None:
        """Return the time until :meth:`enforce` has something to do, or None if it never will."""
        if not self._deadlines:
            return None
        left = max(0.0, min(deadline.at for deadline in self._deadlines.values()) - time.monotonic())
        if any(deadline.has_lost_leader for deadline in self._deadlines.values()):
            return min(left, _LINGERING_SECONDS)  # nothing reports that a group without its leader is empty
        return left

    def enforce(self) -> list[int]:
        """Tell groups to end whose time is up, and kill those whose grace is over.

        :returns: The groups that have lost their leaders before, and are gone now.
        """
        now = time.monotonic()
        gone: list[int] = []
        for group, deadline in list(self._deadlines.items()):
            if deadline.is_told and now >= deadline.at:
                end_group(group, signal.SIGKILL)
            elif deadline.has_lost_leader and _is_empty(group):
                pass  # it has ended by itself within the grace
            else:
                if now >= deadline.at:
                    _tell(group, deadline, now)
                continue
            del self._deadlines[group]
            if deadline.has_lost_leader:
                gone.append(group)
        return gone

    def lose_leader(self, group: int) -> bool:
        """Take account of the end of a leader, which has been waited for.

        :param group: The process group.
        :returns: Whether the group was told to end, and some of it still has time for that.
        """
        deadline = self._deadlines.get(group)
        if deadline is not None and deadline.is_told and not _is_empty(group):
            deadline.has_lost_leader = True
            return True
        self._deadlines.pop(group, None)
        return False

    def is_told(self, group: int) -> bool:
        """Return whether a group was told to end, and has not been killed.

        :param group: The process group.
        """
        deadline = self._deadlines.get(group)
        return deadline is not None and deadline.is_told


def _tell(group: int, deadline: _Deadline, now: float) -> None:
    try:
        # Before the signal: a controller that finds the exit status must find the reason, too.
        os.close(os.open(deadline.mark, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError:
        pass  # the job has removed its directory, or the disk is full; it has to end all the same
    end_group(group, signal.SIGTERM)
    deadline.is_told, deadline.at = True, now + deadline.grace


def _is_empty(group: int) -> bool:
    """Return whether all processes of a group have ended, although some may not have been waited for."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # The kernel finds those as well that have ended and whose parent, in a container maybe a slow one, has yet to wait.
    return not any(_is_member(name, group) for name in os.listdir("/proc") if name.isdecimal())


def _is_member(process: str, group: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            state, _, own_group = file.read().rpartition(b")")[2].split()[:3]
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has just ended
    return int(own_group) == group and state not in b"ZX"


def end_group(group: int, number: signal.Signals) -> None:
    """Send a signal to the processes of a group.

    :param group: The process group.
    :param number: The signal.
    """
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # the group is empty, or belongs to another user
