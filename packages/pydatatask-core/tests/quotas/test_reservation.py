from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from pydatatask_core.quotas.reservation import Reservation, ReservationState
from pydatatask_core.quotas.resources import Resources

RESERVED, COMMITTED, RELEASED = ReservationState


class Moves:
    """Records the moves of a reservation."""

    def __init__(self) -> None:
        self.seen: list[tuple[ReservationState, ReservationState]] = []

    def moved(self, reservation: Reservation, before: ReservationState) -> None:
        self.seen.append((before, reservation.state))


def reservation(moves: Moves, steps: tuple[str, ...] = ()) -> Reservation:
    made = Reservation(moves, Resources(Decimal(1)))
    for step in steps:
        made.commit() if step == "commit" else made.release()
    return made


@pytest.mark.parametrize(
    ("steps", "moves"),
    [
        ((), []),
        (("commit",), [(RESERVED, COMMITTED)]),
        (("release",), [(RESERVED, RELEASED)]),
        (("commit", "commit"), [(RESERVED, COMMITTED)]),
        (("commit", "release"), [(RESERVED, COMMITTED), (COMMITTED, RELEASED)]),
        (("release", "commit"), [(RESERVED, RELEASED)]),
        (("release", "release"), [(RESERVED, RELEASED)]),
        (("commit", "release", "commit"), [(RESERVED, COMMITTED), (COMMITTED, RELEASED)]),
    ],
)
def test_each_move_takes_effect_once(
    steps: tuple[str, ...], moves: list[tuple[ReservationState, ReservationState]]
) -> None:
    book = Moves()
    made = reservation(book, steps)
    assert book.seen == moves
    assert made.state is (moves[-1][1] if moves else RESERVED)


def test_nothing_leaves_the_last_state_and_nothing_returns_to_the_first() -> None:
    for steps in product(("commit", "release"), repeat=4):
        book = Moves()
        reservation(book, steps)
        assert all(before is not RELEASED and after is not RESERVED for before, after in book.seen)


def test_a_move_tells_whether_it_took_effect() -> None:
    made = reservation(Moves())
    assert [made.commit(), made.commit(), made.release(), made.release(), made.commit()] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert repr(made) == "<Reservation of cpu 1, mem 0, launches 1, released>"
