from __future__ import annotations

from core_tasks import Idle
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pydatatask_core.scheduling.activity_clock import ActivityClock, Observations

TASKS = [Idle("one"), Idle("two")]


def test_a_task_that_was_never_observed_is_not_current() -> None:
    assert not Observations(ActivityClock()).are_current(TASKS)
    assert Observations(ActivityClock()).are_current([])


class ObservationsMachine(RuleBasedStateMachine):
    """Observes two tasks while things happen, beside a list of everything in order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ActivityClock()
        self.observations = Observations(self.clock)
        self.history: list[tuple[str, int]] = []
        self.begun: dict[int, int] = {}
        self.last_begin: dict[int, int] = {}

    @rule()
    def something_happens(self) -> None:
        self.clock.tick()
        self.history.append(("happened", -1))

    @rule(number=st.integers(0, 1))
    def begin_or_finish(self, number: int) -> None:
        if number in self.begun:
            self.observations.finish(TASKS[number])
            self.last_begin[number] = self.begun.pop(number)
        else:
            self.observations.begin(TASKS[number])
            self.begun[number] = len(self.history)

    @precondition(lambda self: self.history)
    @rule(number=st.integers(0, 1))
    def observe_in_full(self, number: int) -> None:
        if number not in self.begun:
            self.begin_or_finish(number)
            self.begin_or_finish(number)

    @invariant()
    def current_means_that_nothing_happened_since_each_observation_began(self) -> None:
        for numbers in ([0], [1], [0, 1]):
            expected = all(self.last_begin.get(number, -1) == len(self.history) for number in numbers)
            assert self.observations.are_current(TASKS[number] for number in numbers) == expected


TestObservationsMachine = ObservationsMachine.TestCase
