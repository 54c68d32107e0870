"""A job that a supervisor has been asked to run, until it has ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from pydatatask_core.errors import LaunchError

__all__ = ["NotExclusiveError", "SupervisedJob", "SupervisorLostError"]


class NotExclusiveError(LaunchError):
    """The job is not claimed, as another pipeline has come, or gone, that may have done it."""


class SupervisorLostError(LaunchError):
    """A supervisor has ended before it could tell whether it has started a process."""


class SupervisedJob:
    """A job that a supervisor is asked to run.

    :param started: Gets its process identifier, or None if somebody else has claimed the job.
    """

    def __init__(self, started: asyncio.Future[str | None]) -> None:
        self._started: asyncio.Future[str | None] | None = started
        self.pid: str | None = None
        """Its process identifier, once there is one."""
        self.ended = False
        """Whether it has ended, and its exit status is recorded."""
        self.was_watched = False
        """Whether anybody has asked to be told when it ends, or nobody will."""
        self._on_exit: list[Callable[[], None]] = []

    def watch(self, on_exit: Callable[[], None]) -> None:
        """Have a function called once it has ended.

        :param on_exit: The function; it is called in the loop.
        """
        self.was_watched = True
        if self.ended:
            asyncio.get_running_loop().call_soon(on_exit)
        else:
            self._on_exit.append(on_exit)

    def take(self, what: str, rest: str = "") -> None:
        """Take what the supervisor says.

        :param what: The first word of it.
        :param rest: What follows.
        """
        if what == "started":
            self.pid = rest
            self._settle(lambda started: started.set_result(rest))
        elif what == "ended":
            self._end()
        elif what == "lost":
            self._settle(lambda started: started.set_result(None))
        elif what == "crowded":
            self._fail(NotExclusiveError("another pipeline has come or gone; find out whether the job is done"))
        else:
            self._fail(OSError(int(rest), os.strerror(int(rest))))

    def lose(self) -> None:
        """Take note that the supervisor is gone."""
        if self.pid is not None:
            self._end()
        else:
            self._fail(SupervisorLostError("what runs the jobs of this machine has ended; another will be started"))

    def _settle(self, settle: Callable[[asyncio.Future[str | None]], None]) -> None:
        """Tell how the launch went, and let go of what leads to the loop, by which the supervisors are found."""
        started, self._started = self._started, None
        if started is not None and not started.done():
            settle(started)
        else:
            self.was_watched = True  # as far as it ever will be

    def _fail(self, error: Exception) -> None:
        self._settle(lambda started: started.set_exception(error))

    def _end(self) -> None:
        self.ended = True
        for on_exit in self._on_exit:
            on_exit()
        self._on_exit.clear()
