"""Offers: what the scheduler and the resource managers know of a launch that is under way.

``Task.launch`` returns nothing, and tasks that users write reserve their resources by themselves. So that the scheduler
learns of a refusal all the same, every launch happens in the context of an offer, in which a resource manager notes it.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Protocol

from pydatatask_core.quotas.resources import ResourceType

__all__ = ["Holds", "Offer", "Settling", "current_offer", "offer_under_way"]


class Settling(Protocol):
    """A resource manager, as an offer sees it."""

    def settle(self, offer: Offer) -> None:
        """Take note that the launch is over, so that the job counts as live if it is.

        :param offer: The offer under which resources were reserved.
        """
        ...

    async def flush(self) -> None:
        """Have what is in use calculated anew."""
        ...


Holds = dict[Settling, int]
"""The highest priority that each resource manager has refused in a round; below it, the manager refuses everything."""


class Offer:
    """One job offered to its task.

    :param task: The task's name.
    :param job: The job.
    :param priority: The job's priority.
    :param holds: What has been refused in this round.
    :param predecessor: The offer of the same task before this one. Jobs of a task reserve in order, so that a small one
        does not overtake a large one for which there was no room.
    """

    __slots__ = (
        "_decided",
        "_waiter",
        "ended",
        "holds",
        "impossible",
        "job",
        "managers",
        "predecessor",
        "priority",
        "refused",
        "task",
    )

    def __init__(self, task: str, job: str, priority: int, holds: Holds, predecessor: Offer | None) -> None:
        self.task: str = task
        self.job: str = job
        self.priority: int = priority
        self.holds: Holds = holds
        self.predecessor = predecessor
        self.refused: ResourceType | None = None
        self.impossible: ResourceType | None = None
        self.managers: list[Settling] = []
        self.ended: bool = False
        self._decided = False
        self._waiter: asyncio.Event | None = None

    async def turn(self) -> ResourceType | None:
        """Wait until the job before this one has reserved what it needs, or was refused, or has ended.

        :returns: What the predecessor was refused for, or None.
        """
        predecessor, self.predecessor = self.predecessor, None  # cuts the chain, or it would grow with every job
        if predecessor is None:
            return None
        if not predecessor._decided:
            predecessor._waiter = asyncio.Event()
            await predecessor._waiter.wait()
        return predecessor.refused

    def decide(self) -> None:
        """Let the next job of the task reserve."""
        self._decided = True
        if self._waiter is not None:
            self._waiter.set()

    def end(self) -> None:
        """Take note that the launch is over, one way or the other."""
        self.ended = True
        self.predecessor = None
        self.decide()
        for manager in self.managers:
            manager.settle(self)


current_offer: ContextVar[Offer | None] = ContextVar("current_offer", default=None)
"""The offer in whose context a task launches a job; what the launch leaves running inherits it, ended."""


def offer_under_way() -> Offer | None:
    """Give the offer in whose context the caller launches a job, if it does."""
    offer = current_offer.get()
    return None if offer is None or offer.ended else offer
