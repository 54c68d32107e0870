"""Offers: what the scheduler and the resource managers know of a launch in progress.

``Task.launch`` returns nothing, and a task reserves its resources by itself. The scheduler learns of a refusal because
every launch happens in the context of an offer, in which the resource manager records it.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Protocol

from pydatatask_core.quotas.resources import ResourceType

__all__ = ["Holds", "Offer", "Settling", "active_offer", "current_offer"]


class Settling(Protocol):
    """A resource manager, as an offer sees it."""

    def settle(self, offer: Offer) -> None:
        """Commit what was reserved under an offer, as the launch has returned.

        :param offer: The offer.
        """
        ...

    async def flush(self) -> None:
        """Drop the cached usage."""
        ...


Holds = dict[Settling, int]
"""The highest priority that each resource manager has refused in a round; below it, the manager refuses everything."""


class Offer:
    """One job that is offered to its task.

    :param task: The task's name.
    :param job: The job.
    :param priority: The job's priority.
    :param holds: What has been refused in this round.
    :param predecessor: The previous offer of the same task. Jobs of a task reserve in order, so that a small one does
        not overtake a large one that did not fit.
    """

    __slots__ = (
        "_decided",
        "_waiter",
        "ended",
        "found_at",
        "holds",
        "impossible",
        "job",
        "managers",
        "predecessor",
        "priority",
        "refused",
        "task",
        "waiting",
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
        self.found_at: float | None = None
        """When a run began to read the repositories that show the job to be ready, by :func:`time.monotonic`; None if a
        person asks for the launch."""
        self.waiting: int = 1
        """How many jobs of the task wait for their launch, this one included."""
        self._decided = False
        self._waiter: asyncio.Event | None = None

    async def turn(self) -> ResourceType | None:
        """Wait until the previous job of the task has reserved its resources, or was refused, or has ended.

        :returns: What the predecessor was refused for, or None.
        """
        predecessor, self.predecessor = self.predecessor, None  # or the chain would grow with every job
        if predecessor is None:
            return None
        if not predecessor._decided:
            predecessor._waiter = asyncio.Event()
            await predecessor._waiter.wait()
        return predecessor.refused

    @property
    def is_decided(self) -> bool:
        """Whether the job has reserved its resources, or was refused, or the offer has ended."""
        return self._decided

    def decide(self) -> None:
        """Let the next job of the task reserve its resources."""
        self._decided = True
        if self._waiter is not None:
            self._waiter.set()

    def end(self) -> None:
        """End the offer, as the launch has returned or failed."""
        self.ended = True
        self.predecessor = None
        self.decide()
        for manager in self.managers:
            manager.settle(self)


current_offer: ContextVar[Offer | None] = ContextVar("current_offer", default=None)
"""The offer in whose context a job is launched; asyncio tasks that outlive the launch inherit it, ended."""


def active_offer() -> Offer | None:
    """Return the offer in whose context the caller launches a job, or None."""
    offer = current_offer.get()
    return None if offer is None or offer.ended else offer
