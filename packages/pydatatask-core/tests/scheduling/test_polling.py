from __future__ import annotations

import pytest
from core_tasks import Idle

from pydatatask_core.scheduling.activity_clock import ActivityClock
from pydatatask_core.scheduling.failure_tracker import FailureKey, FailureTracker
from pydatatask_core.scheduling.polling import MinimumIntervals, PollTimer, Sweep

ONE, TWO = Idle("one"), Idle("two")


class Rig:
    """A sweep over two tasks, with a failure tracker and a clock to play with."""

    def __init__(self) -> None:
        self.clock = ActivityClock()
        self.failures = FailureTracker(first_delay=1000)
        self.sweep = Sweep("update", lambda: [ONE, TWO], PollTimer(1, 8), self.failures, self.clock)

    def observe(self, *tasks: Idle) -> None:
        for task in tasks:
            self.sweep.observations.begin(task)
            self.sweep.observations.finish(task)


def test_a_sweep_is_current_until_something_happens() -> None:
    rig = Rig()
    assert not rig.sweep.is_current()
    rig.observe(ONE)
    assert not rig.sweep.is_current()
    rig.observe(TWO)
    assert rig.sweep.is_current()
    rig.clock.tick()
    assert not rig.sweep.is_current()


def test_a_task_that_backs_off_is_left_out() -> None:
    rig = Rig()
    rig.failures.record(FailureKey("update", "one"), OSError())
    rig.failures.record(FailureKey("ready", "two"), OSError())
    assert rig.sweep.begin(0, idle=True) == [TWO], "the other failure is of another activity"
    rig.observe(TWO)
    assert rig.sweep.is_current()


def test_minimum_intervals_are_kept_unless_everything_is_idle() -> None:
    rig = Rig()
    rig.sweep.intervals.record([ONE], begun=0, ended=1)
    assert rig.sweep.begin(2, idle=False) == [TWO]
    assert rig.sweep.begin(2, idle=True) == [ONE, TWO]
    assert rig.sweep.begin(21, idle=False) == [ONE, TWO]


def test_the_interval_doubles_while_nothing_happens_and_is_short_again_afterwards() -> None:
    rig = Rig()
    times = [rig.sweep.next()]
    for happens in (True, False, False, False, False, False, True, False):
        if happens:
            rig.clock.tick()
        rig.sweep.begin(0, idle=False)
        times.append(rig.sweep.next())
    assert times == [-float("inf"), 1, 2, 4, 8, 8, 8, 1, 2]


def test_a_sweep_waits_for_the_first_task_whose_minimum_interval_elapses() -> None:
    rig = Rig()
    rig.sweep.begin(0, idle=False)
    rig.sweep.intervals.record([ONE, TWO], begun=0, ended=1)
    rig.sweep.intervals.extend([TWO], 1)
    assert rig.sweep.next() == rig.sweep.next(requested=True) == 21
    assert rig.sweep.next(idle=True) == 0
    rig.sweep.intervals.reset(ONE)
    assert (rig.sweep.next(), rig.sweep.next(requested=True)) == (1, 0)


def test_the_work_that_a_poll_has_caused_extends_the_minimum_interval_of_its_task() -> None:
    intervals = MinimumIntervals()
    intervals.record([ONE, TWO], begun=0, ended=1)
    intervals.extend([ONE], 2)
    assert [intervals.has_elapsed(ONE, now) for now in (21, 60, 61)] == [False, False, True]
    assert [intervals.has_elapsed(TWO, now) for now in (20, 21)] == [False, True]


@pytest.mark.parametrize(("begun", "expected"), [(0, 3), (5, 13)])
def test_a_retry_shortens_the_interval_unless_it_was_part_of_the_last_poll(begun: float, expected: float) -> None:
    timer = PollTimer(1, 8)
    for _ in range(4):
        timer.begin(begun, something_happened=False)
    assert timer.next(begun, retry=3) == expected


def test_the_rate_limit_holds_in_any_case() -> None:
    timer = PollTimer(1, 8, minimum=5)
    timer.begin(10, something_happened=True)
    assert timer.next(0) == timer.next(0, requested=True) == timer.next(0, idle=True) == timer.next(0, retry=11) == 15
