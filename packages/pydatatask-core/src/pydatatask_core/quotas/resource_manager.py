"""Quotas: tracking how much of a limited amount of resources is in use, and refusing what would exceed it.

Typical usage is to construct a :class:`ResourceManager` and pass it to a task constructor::

    quota = pydatatask.ResourceManager(pydatatask.Resources.parse(cpu='1000m', mem='1Gi'))
    task = pydatatask.ProcessTask("my_task", localhost, quota, ...)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from typing_extensions import override

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.quotas.launch_offers import Offer, offer_under_way
from pydatatask_core.quotas.resources import Resources, ResourceType

__all__ = ["ResourceManager"]

_NOTHING = Resources(Decimal(0), Decimal(0), 0)
_RECALCULATIONS = 2
"""How often the usage is calculated anew if it was flushed, or something was given back, while that went on."""


class ResourceManager:
    """Tracks quotas of resources.

    Direct use of this class beyond construction is only necessary in a custom ``Task`` class. The quota is never
    exceeded, not even for an instant, by launches going on at the same time: :meth:`reserve` decides and counts in one
    step.

    :param quota: The resource limit that should be applied to the sum of all tasks using this manager.
    """

    def __init__(self, quota: Resources) -> None:
        self.quota = quota
        self.on_relinquish: Callable[[], None] | None = None
        self._callbacks: list[Callable[[], Awaitable[Resources]]] = []
        self._usage: Resources | None = None
        self._flushes = 0
        self._under_way: dict[Offer, Resources] = {}
        self._loading: SingleFlight[None] = SingleFlight()

    @override
    def __repr__(self) -> str:
        return f"<ResourceManager quota={self.quota!r}>"

    def register(self, func: Callable[[], Awaitable[Resources]]) -> None:
        """Register an async callback which tells the current resource utilization of a task.

        The usage is the sum of the results of all the registered callbacks, plus what is reserved for launches that the
        scheduler has under way: so a callback leaves out jobs whose launch has not returned yet. Call this in the
        constructor of a task.

        :param func: Gives what the live jobs of the task use, and as ``launches`` how many there were in its window.
        """
        self._callbacks.append(func)

    async def flush(self) -> None:
        """Forget the cached amount of resources currently being used.

        The next call to :meth:`reserve` will calculate usage anew. Launches that are under way keep what they reserved.
        """
        self._flushes += 1
        self._usage = None

    async def reserve(self, request: Resources) -> ResourceType | None:
        """Atomically reserve the given amount of resources, or do nothing if any resource would be over-quota.

        In a round of the scheduler, what has a lower priority than something refused is refused too, and so is a job
        whose own task's last one was.

        :param request: What the job needs.
        :returns: None, or the limiting resource.
        """
        offer = offer_under_way()
        held = None if offer is None else await offer.turn()
        try:
            while self._usage is None:
                await self._loading.share("usage", self._load)
            refused = self._excess(self._usage, request, offer, held)
            if refused is None:
                self._take(self._usage, request, offer)
            return refused
        finally:
            if offer is not None:
                offer.decide()

    def _excess(
        self, usage: Resources, request: Resources, offer: Offer | None, held: ResourceType | None
    ) -> ResourceType | None:
        alone = request.excess(self.quota)
        if offer is None:
            return alone or (usage + request).excess(self.quota)
        if alone is not None:
            offer.impossible = alone
            return alone
        refused = held or (usage + request).excess(self.quota)
        if refused is None and offer.holds.get(self, offer.priority) > offer.priority:
            refused = ResourceType.RATE
        if refused is not None:
            offer.refused = refused
            offer.holds[self] = max(offer.priority, offer.holds.get(self, offer.priority))
        return refused

    def _take(self, usage: Resources, request: Resources, offer: Offer | None) -> None:
        self._usage = usage + request
        if offer is not None:
            if self not in offer.managers:
                offer.managers.append(self)
            self._under_way[offer] = self._under_way.get(offer, _NOTHING) + request

    async def relinquish(self, request: Resources) -> None:
        """Atomically mark the given amount of resources as available.

        A completed job gives back its processors and memory, not its launch, which the task's callback counts for as
        long as it lies in the window; so a task gives back ``Resources(cpu, mem, launches=0)``.

        After a flush there is nothing to be marked, as the live jobs tell what is in use. So the job has to be among
        them no longer: take it from what the callback counts, and then call this, with no ``await`` in between.

        :param request: What was reserved, or part of it.
        """
        self.give_back(request)

    def give_back(self, request: Resources) -> None:
        """Do what :meth:`relinquish` does, for callers that cannot await, say because they are told of an event.

        :param request: What was reserved, or part of it.
        """
        offer = offer_under_way()
        if offer is not None and offer in self._under_way:
            self._under_way[offer] = _less(self._under_way[offer], request)
        if self._usage is None:
            self._flushes += 1  # a calculation under way may have counted it already, or not: it has to be done again
        else:
            self._usage = _less(self._usage, request)
        if self.on_relinquish is not None:
            self.on_relinquish()

    def settle(self, offer: Offer) -> None:
        """Take note that a launch is over: from now on the task's callback counts the job, if it is live.

        :param offer: The offer under which resources were reserved.
        """
        self._under_way.pop(offer, None)

    async def _load(self) -> None:
        flushes, usage = self._flushes, await self._calculate()
        for _ in range(_RECALCULATIONS):
            if flushes == self._flushes:
                break
            flushes, usage = self._flushes, await self._calculate()
        # What has been given back during the last one may be counted still: too much is safe, and the next flush
        # puts it right. To go on until nothing happens meanwhile could be to go on for ever.
        self._usage = usage

    async def _calculate(self) -> Resources:
        usage = _NOTHING
        for reserved in self._under_way.values():
            usage += reserved
        for callback in self._callbacks:
            usage += await callback()
        return usage


def _less(usage: Resources, request: Resources) -> Resources:
    """Take away what was in use, but no more than that."""
    rest = usage - request
    zero = Decimal(0)
    return Resources(max(rest.cpu, zero), max(rest.mem, zero), max(rest.launches, 0))
