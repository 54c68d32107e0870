from __future__ import annotations

import pytest

from pydatatask_exec.kubernetes.namespace_pause import NamespacePause


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("pydatatask_exec.kubernetes.namespace_pause.time.monotonic", made)
    return made


def pauses(clock: Clock, pause: NamespacePause, times: int) -> list[float]:
    """How many seconds each of some pauses lasts."""
    lengths = []
    for _ in range(times):
        pause.begin()
        begun = clock.now
        while pause.is_on:
            clock.now += 0.5
        lengths.append(clock.now - begun)
    return lengths


def test_each_pause_is_longer_than_the_one_before_up_to_a_bound(clock: Clock) -> None:
    assert pauses(clock, NamespacePause(), 7) == [1, 2, 4, 8, 16, 30, 30]


def test_a_pause_that_is_on_is_not_made_longer(clock: Clock) -> None:
    pause = NamespacePause()
    pause.begin()
    clock.now += 0.5
    pause.begin()
    clock.now += 0.5
    assert not pause.is_on


def test_room_ends_a_pause_and_a_launch_makes_the_next_one_short(clock: Clock) -> None:
    pause = NamespacePause()
    pauses(clock, pause, 2)
    pause.begin()
    pause.end()
    assert not pause.is_on
    assert pauses(clock, pause, 1) == [8]
    pause.reset()
    assert pauses(clock, pause, 1) == [1]
