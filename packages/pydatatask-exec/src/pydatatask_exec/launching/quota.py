"""The share of one task in a quota: reserved before a launch, counted while the job lives, released once."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from pydatatask_core.errors import DefinitionError
from pydatatask_core.quotas.launch_offers import active_offer
from pydatatask_core.quotas.reservation import Reservation
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources, ResourceType
from pydatatask_exec.launching.window import LaunchWindow

__all__ = ["Holding", "LaunchQuota"]

log: logging.Logger = logging.getLogger("pydatatask.resources")

_SHORTEST_ROUND_SECONDS = 1.0
_QUIET_SECONDS = 60.0
"""A quota that has not refused anything for so long counts as one that had room in between."""

_NOTHING = Resources(Decimal(0), Decimal(0), 0)

_WORDS = {ResourceType.CPU: "cpu", ResourceType.MEM: "mem", ResourceType.RATE: "launch"}


class Holding(NamedTuple):
    """The share of one live job."""

    job: str
    """The job."""

    request: Resources
    """The processors and memory that count against the quota."""

    since: datetime
    """When it was launched, in UTC."""


@dataclass(slots=True)
class _Launch:
    """A launch in progress."""

    reservation: Reservation
    """What the manager counts for the job until the launch has returned."""

    entered: str = ""
    """The identity of the job, once it is live."""


class LaunchQuota:
    """The account of one task at a :class:`~pydatatask_core.quotas.resource_manager.ResourceManager`.

    :meth:`launching` reserves what a job needs for its launch. Once the job is live, :meth:`enter` takes it over under
    an identity of its own, such as a pod's uid, and :meth:`leave` releases its processors and memory when it is gone.
    :meth:`usage` is the report to the manager, which counts launches in progress by their reservations.

    :param task: The task's name, for messages.
    :param manager: Where the resources come from.
    :param window: How far back a launch counts towards the limit of launches.
    :raises DefinitionError: ``manager`` is something else, a quota that no manager holds say.
    """

    def __init__(self, task: str, manager: ResourceManager, window: timedelta) -> None:
        _check_manager(task, manager)
        self.manager: ResourceManager = manager
        self.window: LaunchWindow = LaunchWindow(window)
        self.warned: bool = False
        self._warn_again_at = 0.0
        self._reported: str | ResourceType | None = None
        self._repeat_at = 0.0
        self._in_a_run = False
        self._task = task
        self._live: dict[str, Holding] = {}
        self._total = _NOTHING
        self._adopted: dict[str, datetime] = {}
        self._launching: dict[str, _Launch] = {}
        self._reservations: dict[str, Reservation] = {}

    @asynccontextmanager
    async def launching(self, job: str, request: Resources) -> AsyncGenerator[bool, None]:
        """Reserve what a job needs, for its launch in the block. If that fails, the reservation is released.

        :param job: The job.
        :param request: What it needs; it counts as one launch, whatever it says.
        :returns: A context that gives whether the job may be launched.
        """
        request = Resources(request.cpu, request.mem, launches=1)
        reservation = await self.manager.open_reservation(request)
        if isinstance(reservation, ResourceType):
            self._log_refusal(job, reservation, request)
            yield False
            return
        launch = self._launching[job] = _Launch(reservation)
        try:
            yield True
        except BaseException:
            if not launch.entered:  # else the job is live nevertheless, and releases its share when it is gone
                reservation.release()
            raise
        finally:
            del self._launching[job]
            if self._commit(reservation):
                self._count(launch)

    def _log_refusal(self, job: str, refused: ResourceType, request: Resources) -> None:
        if self.warned:
            return  # the message below takes time to make, and a full quota refuses often
        offer = active_offer()
        if offer is not None and offer.impossible is not None:
            return  # it need not wait, and an error follows
        waiting = offer.waiting if offer is not None else 1
        who = f"{waiting} jobs waiting" if waiting > 1 else f"job {job} has to wait"
        what = f"quota full ({self.manager.describe_usage(refused)}; job {job} needs {request})"
        self._report(refused, f"{what}; {who}")

    def begin_round(self, in_a_run: bool) -> None:
        """Have the next refusal logged. In a run, it is logged only if its reason has changed.

        :param in_a_run: Whether this is part of a run, in which updates follow each other much faster.
        """
        now = time.monotonic()
        if not in_a_run or now >= self._warn_again_at:
            self.warned, self._warn_again_at = False, now + _SHORTEST_ROUND_SECONDS
        self._in_a_run = in_a_run
        if not in_a_run:
            self._reported = None

    def refuse(self, job: str, reason: str) -> None:
        """Log that a job has to wait for room. Later refusals are not logged until :attr:`warned` is False again.

        :param job: The job.
        :param reason: What leaves no room.
        """
        self._report(reason, f"job {job}, and maybe others, has to wait: {reason}")

    def _report(self, reason: str | ResourceType, message: str) -> None:
        if self.warned:
            return
        self.warned = True
        now = time.monotonic()
        if reason != self._reported or now >= self._repeat_at:
            log.warning("task %s: %s", self._task, message)
        # As long as a quota stays full, which it does for the whole of many a run, there is nothing new to tell.
        self._repeat_at = now + _QUIET_SECONDS
        self._reported = reason if self._in_a_run else None

    def enter(self, identity: str, holding: Holding) -> bool:
        """Count a live job; one that is counted already changes nothing.

        :param identity: Tells this run of the job from every other.
        :param holding: What it holds.
        :returns: Whether the manager has yet to be notified, as the job is not being launched here.
        """
        if identity in self._live:
            return False
        launch = self._launching.get(holding.job)
        self._live[identity] = holding
        if launch is not None and not launch.entered:
            launch.entered = identity
            return False
        self._total += Resources(holding.request.cpu, holding.request.mem, 0)
        self._adopted[identity] = holding.since
        return True

    def _commit(self, reservation: Reservation) -> bool:
        """Count a launch in the window from the moment when the manager no longer counts it."""
        if not reservation.commit():
            return False
        self.window.note()
        return True

    def _count(self, launch: _Launch) -> None:
        """Count the live job of a launch that has returned."""
        holding = self._live.get(launch.entered)
        if holding is None:
            return
        self._reservations[launch.entered] = launch.reservation
        self._total += Resources(holding.request.cpu, holding.request.mem, 0)

    async def leave(self, identity: str) -> None:
        """Release what a job held, except its launch, which counts for the rest of the window. Twice does no harm.

        :param identity: As given to :meth:`enter`.
        """
        self.leave_at_once(identity)

    def leave_at_once(self, identity: str) -> None:
        """Do what :meth:`leave` does, for callers that cannot await, such as those notified of an event.

        :param identity: As given to :meth:`enter`.
        """
        holding = self._live.pop(identity, None)
        if holding is None:
            return
        launch = self._launching.get(holding.job)
        if launch is not None and launch.entered == identity:  # the job has ended before its launch returned
            self._commit(launch.reservation)
            launch.reservation.release()
            return
        self._adopted.pop(identity, None)
        share = Resources(holding.request.cpu, holding.request.mem, launches=0)
        self._total -= share
        reservation = self._reservations.pop(identity, None)
        if reservation is None:
            self.manager.give_back(share)
        else:
            reservation.release()

    def forget(self) -> None:
        """Untrack all live jobs; each can be entered again. Launches stay counted."""
        self._live.clear()
        self._adopted.clear()
        self._reservations.clear()
        self._total = _NOTHING
        for launch in self._launching.values():
            launch.entered = ""

    def usage(self) -> Resources:
        """Return what live jobs use, and how many launches there were in the window, without launches in progress."""
        return Resources(self._total.cpu, self._total.mem, self.window.count(self._adopted.values()))


def _check_manager(task: str, manager: object) -> None:
    """Refuse what callers without types may give instead of a resource manager."""
    if not isinstance(manager, ResourceManager):
        raise DefinitionError(
            f"task {task} needs a ResourceManager, not an object of type {type(manager).__name__}; write "
            "ResourceManager(Resources.parse(cpu=…, mem=…)), and give the same one to all tasks that share it"
        )
