"""Reservations: the resources of one job, from the decision to launch it until it is gone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from typing_extensions import override

from pydatatask_core.quotas.resources import Resources

__all__ = ["Reservation", "ReservationState"]


# Strings, since the hash of a plain Enum is written in Python, and the moves are looked up twice for every job.
class ReservationState(StrEnum):
    """Who counts the resources of a reservation."""

    RESERVED = "reserved"
    """The resource manager: the job is being launched."""

    COMMITTED = "committed"
    """The task, as part of what its live jobs use: the launch has returned."""

    RELEASED = "released"
    """Nobody: the launch failed, or the job is gone."""


_MOVES: Final = {
    ReservationState.RESERVED: {ReservationState.COMMITTED, ReservationState.RELEASED},
    ReservationState.COMMITTED: {ReservationState.RELEASED},
    ReservationState.RELEASED: frozenset[ReservationState](),
}
"""The states that a reservation in each state can move to; any other move changes nothing."""


class Book(Protocol):
    """Where reservations are counted: a resource manager."""

    def moved(self, reservation: Reservation, before: ReservationState) -> None:
        """Count a reservation that has changed its state.

        :param reservation: The reservation, in its new state.
        :param before: Its state before.
        """
        ...


class Reservation:
    """Resources that a resource manager has granted for one job.

    A task keeps it with the job: :meth:`commit` it when the job counts as live, :meth:`release` it when the launch has
    failed or the job is gone. Each takes effect once, so that repeating one does no harm. The methods do not wait, so
    that a task changes what it counts and the reservation in one step.

    :param book: The resource manager.
    :param request: The granted resources.
    :param task: The name of the job's task, or None if it is not known.
    """

    __slots__ = ("_book", "_state", "request", "task")

    def __init__(self, book: Book, request: Resources, task: str | None = None) -> None:
        self.request: Resources = request
        self.task: str | None = task
        self._book = book
        self._state = ReservationState.RESERVED

    @override
    def __repr__(self) -> str:
        return f"<Reservation of {self.request}, {self._state.value}>"

    @property
    def state(self) -> ReservationState:
        """Who counts the resources at present."""
        return self._state

    def commit(self) -> bool:
        """Leave the counting to the task, whose callback includes the job from now on.

        :returns: Whether the reservation was reserved until now.
        """
        return self._move(ReservationState.COMMITTED)

    def release(self) -> bool:
        """Return the resources to the quota: all of them if the launch failed, all but the launch if the job is gone.

        :returns: Whether the resources were held until now.
        """
        return self._move(ReservationState.RELEASED)

    def _move(self, state: ReservationState) -> bool:
        before = self._state
        if state not in _MOVES[before]:
            return False
        self._state = state
        self._book.moved(self, before)
        return True
