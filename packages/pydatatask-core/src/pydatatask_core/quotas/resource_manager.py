"""Resource managers: how much of a quota is in use, and whether a job's resources still fit.

Typical usage is to construct a :class:`ResourceManager` and pass it to a task constructor::

    quota = pydatatask.ResourceManager(pydatatask.Resources.parse(cpu='1000m', mem='1Gi'))
    task = pydatatask.ProcessTask("my_task", localhost, quota, ...)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from typing_extensions import override

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.quotas.launch_offers import Offer, active_offer
from pydatatask_core.quotas.quantity import format_quantity
from pydatatask_core.quotas.reservation import Reservation, ReservationState
from pydatatask_core.quotas.resources import Resources, ResourceType
from pydatatask_core.quotas.usage_source import UsageSource

__all__ = ["ResourceManager"]

_NOTHING = Resources(Decimal(0), Decimal(0), 0)
_RECALCULATIONS = 2
"""How often the usage is calculated again if it was flushed, or something was released, meanwhile."""


class ResourceManager:
    """Tracks how much of a quota is in use.

    Only the author of a ``Task`` class calls its methods. The quota is never exceeded, not even for an instant, by
    concurrent launches: :meth:`reserve` and :meth:`open_reservation` decide and count in one step.

    :param quota: The limit of the sum of all tasks that use this manager.
    """

    def __init__(self, quota: Resources) -> None:
        self.quota: Resources = quota
        self.on_relinquish: Callable[[], None] | None = None
        self._sources: list[UsageSource] = []
        self._counting: dict[str | None, list[UsageSource]] = {}
        self._usage: Resources | None = None
        self._flushes = 0
        self._reserved: dict[Reservation, None] = {}
        self._offered: dict[Offer, list[Reservation]] = {}
        self._loading: SingleFlight[None] = SingleFlight()

    @override
    def __repr__(self) -> str:
        return f"<ResourceManager quota={self.quota!r}>"

    def register(self, func: Callable[[], Awaitable[Resources]], *, task: str | None = None) -> None:
        """Register an async callback that returns the current resource utilization of a task.

        The usage is the sum of the results of all callbacks, plus the reservations of launches in progress; so a
        callback leaves out jobs whose launch has not returned yet. Call this in the constructor of a task.

        While a callback fails, because a cluster cannot be reached for example, its last result and what was launched
        since count, so that the other tasks go on. That it fails is logged once.

        :param func: Returns what the live jobs of the task use, and as ``launches`` how many there were in its window.
        :param task: The name of the task. Without it, the jobs that any task has launched since count while the
            callback fails, as they may be among those that it tells of.
        """
        self._sources.append(UsageSource(func, task))
        self._counting.clear()

    def describe_usage(self, resource: ResourceType) -> str:
        """Return how much of a resource is in use, as far as it is known: ``cpu 3/4``.

        :param resource: The resource.
        """
        usage = _NOTHING if self._usage is None else self._usage
        match resource:
            case ResourceType.CPU:
                return f"cpu {format_quantity(usage.cpu)}/{format_quantity(self.quota.cpu)}"
            case ResourceType.MEM:
                used, limit = (format_quantity(mem, binary=True) for mem in (usage.mem, self.quota.mem))
                return f"mem {used}/{limit}"
            case ResourceType.RATE:
                return f"launches {usage.launches}/{self.quota.launches}"

    async def flush(self) -> None:
        """Drop the cached usage.

        The next reservation calculates it again. Launches in progress keep what they reserved.
        """
        self._flushes += 1
        self._usage = None

    async def reserve(self, request: Resources) -> ResourceType | None:
        """Atomically reserve the given amount of resources, or do nothing if any resource would be over-quota.

        In a round of the scheduler, what has a lower priority than something refused is refused too, and so is a job
        whose own task's last one was. :meth:`open_reservation` does the same and returns an object that commits and
        releases the resources, which is less error-prone.

        :param request: What the job needs.
        :returns: None, or the limiting resource.
        """
        reservation = await self.open_reservation(request)
        if isinstance(reservation, ResourceType):
            return reservation
        offer = active_offer()
        if offer is None:
            reservation.commit()  # nothing tells when the launch returns, so the caller's callback counts it at once
            return None
        if self not in offer.managers:
            offer.managers.append(self)
        self._offered.setdefault(offer, []).append(reservation)
        return None

    async def open_reservation(self, request: Resources) -> Reservation | ResourceType:
        """Atomically reserve the given amount of resources for the launch of a job.

        :param request: What the job needs.
        :returns: The reservation, which the caller has to commit or release; or the limiting resource.
        """
        offer = active_offer()
        held = None if offer is None else await offer.turn()
        try:
            if any(source.wants_retry() for source in self._sources):
                await self.flush()
            while self._usage is None:
                await self._loading.share("usage", self._load)
            refused = self._excess(self._usage, request, offer, held)
            if refused is not None:
                return refused
            reservation = Reservation(self, request, None if offer is None else offer.task)
            self._reserved[reservation] = None
            self._usage += request
            return reservation
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

    async def relinquish(self, request: Resources) -> None:
        """Atomically mark the given amount of resources as available.

        A completed job releases its processors and memory, not its launch, which the task's callback counts while it is
        in the window; so a task relinquishes ``Resources(cpu, mem, launches=0)``.

        After a flush there is nothing to mark, as the live jobs tell what is in use. So first remove the job from what
        the callback counts, and then call this, with no ``await`` in between.

        :param request: What was reserved, or part of it.
        """
        self.give_back(request)

    def give_back(self, request: Resources) -> None:
        """Do what :meth:`relinquish` does, for callers that cannot await, such as those notified of an event.

        :param request: What was reserved, or part of it.
        """
        offer = active_offer()
        if offer is not None and (reservations := self._offered.get(offer)):
            # The launch has failed, and the reservation must not count again after a flush.
            reservations[-1].request = _less(reservations[-1].request, request)
        self._subtract(request)

    def moved(self, reservation: Reservation, before: ReservationState) -> None:
        """Count a reservation that has changed its state.

        :param reservation: The reservation, in its new state.
        :param before: Its state before.
        """
        request = reservation.request
        if before is ReservationState.RESERVED:
            del self._reserved[reservation]
            if reservation.state is ReservationState.COMMITTED:
                for source in self._sources_counting(reservation.task):
                    source.launched(reservation)
            else:
                self._subtract(request)
        else:
            for source in self._sources_counting(reservation.task):
                source.ended(reservation)
            self._subtract(Resources(request.cpu, request.mem, 0))  # the launch counts for the rest of the window

    def settle(self, offer: Offer) -> None:
        """Commit what was reserved under an offer, as the launch has returned.

        :param offer: The offer under which resources were reserved.
        """
        for reservation in self._offered.pop(offer, ()):
            reservation.commit()

    def _sources_counting(self, task: str | None) -> list[UsageSource]:
        sources = self._counting.get(task)
        if sources is None:
            sources = self._counting[task] = [source for source in self._sources if source.may_count(task)]
        return sources

    def _subtract(self, request: Resources) -> None:
        if self._usage is None:
            self._flushes += 1  # a calculation in progress may or may not have counted it already, so it is repeated
        else:
            self._usage = _less(self._usage, request)
        if self.on_relinquish is not None:
            self.on_relinquish()

    async def _load(self) -> None:
        flushes, usage = self._flushes, await self._calculate()
        for _ in range(_RECALCULATIONS):
            if flushes == self._flushes:
                break
            flushes, usage = self._flushes, await self._calculate()
        # What was released during the last calculation may still be counted. Too much is safe, and the next flush
        # corrects it; to repeat this until nothing happens meanwhile might never end.
        self._usage = usage

    async def _calculate(self) -> Resources:
        # The reservations come first: one that is committed meanwhile may be counted twice, which is safe, while the
        # other order might miss it.
        usage = _NOTHING
        for reservation in self._reserved:
            usage += reservation.request
        for source in self._sources:
            usage += await source.usage()
        return usage


def _less(usage: Resources, request: Resources) -> Resources:
    """Subtract a request, but no more than is in use."""
    rest = usage - request
    zero = Decimal(0)
    return Resources(max(rest.cpu, zero), max(rest.mem, zero), max(rest.launches, 0))
