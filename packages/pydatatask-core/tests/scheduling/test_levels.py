from __future__ import annotations

import pytest
from core_tasks import Idle
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pydatatask_core.scheduling.levels import LANE_TRANSITIONS, LaneEvent, LaneState, Level
from pydatatask_core.tasks.task import Task

ONE, TWO = Idle("one"), Idle("two")
EMPTY, OPEN, HELD = LaneState


def state(level: Level, task: Task) -> LaneState:
    in_open, in_held = level.open.get(task), level.held.get(task)
    assert in_open is None or in_held is None, "a lane is in one place"
    lane = in_open or in_held
    assert lane is None or lane.state is (OPEN if in_open else HELD)
    return EMPTY if lane is None else lane.state


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        (EMPTY, LaneEvent.FILLED, OPEN),
        (EMPTY, LaneEvent.HELD, HELD),
        (OPEN, LaneEvent.FILLED, OPEN),
        (OPEN, LaneEvent.DRAINED, EMPTY),
        (OPEN, LaneEvent.HELD, HELD),
        (HELD, LaneEvent.FILLED, HELD),
        (HELD, LaneEvent.HELD, HELD),
        (HELD, LaneEvent.DRAINED, EMPTY),
        (HELD, LaneEvent.RELEASED, OPEN),
    ],
)
def test_a_lane_moves_as_the_table_says(before: LaneState, event: LaneEvent, after: LaneState) -> None:
    level = Level(0)
    if before is not EMPTY:
        level.add(ONE, ["a"])
    if before is HELD:
        level.hold(ONE)
    assert state(level, ONE) is before
    match event:
        case LaneEvent.FILLED:
            level.add(ONE, ["b"])
        case LaneEvent.DRAINED:
            level.drop(ONE)
        case LaneEvent.HELD:
            level.hold(ONE)
        case LaneEvent.RELEASED:
            level.release()
    assert state(level, ONE) is after
    assert LANE_TRANSITIONS[before, event] is after


def test_the_table_has_no_other_transitions() -> None:
    assert len(LANE_TRANSITIONS) == 9
    for missing in ((EMPTY, LaneEvent.DRAINED), (EMPTY, LaneEvent.RELEASED), (OPEN, LaneEvent.RELEASED)):
        assert missing not in LANE_TRANSITIONS


def test_refused_jobs_come_first_once_the_lane_is_released() -> None:
    level = Level(0)
    level.add(ONE, ["a", "b", "c"])
    for _ in range(2):
        job = level.take(ONE)
        level.hold(ONE, job)
        level.release()
        assert level.take(ONE) == "a"
        level.put_back(ONE, "a")
    assert [level.take(ONE) for _ in range(4)] == ["a", "b", "c", None]


class LevelMachine(RuleBasedStateMachine):
    """Does anything to a level, beside lists of the jobs that wait and of those that were refused."""

    def __init__(self) -> None:
        super().__init__()
        self.level = Level(0)
        self.jobs: dict[Task, list[str]] = {ONE: [], TWO: []}
        self.refused: dict[Task, list[str]] = {ONE: [], TWO: []}
        self.held: set[Task] = set()
        self.numbers = iter(range(10**6))

    tasks = st.sampled_from([ONE, TWO])

    @rule(task=tasks, count=st.integers(1, 3))
    def add(self, task: Task, count: int) -> None:
        new = [f"j{next(self.numbers)}" for _ in range(count)]
        self.level.add(task, new)
        self.jobs[task] += new

    @rule(task=tasks)
    def put_back(self, task: Task) -> None:
        job = f"j{next(self.numbers)}"
        self.level.put_back(task, job)
        self.jobs[task].insert(0, job)

    @rule(task=tasks)
    def take(self, task: Task) -> None:
        expected = None if task in self.held or not self.jobs[task] else self.jobs[task].pop(0)
        assert self.level.take(task) == expected

    @rule(task=tasks)
    def hold(self, task: Task) -> None:
        self.level.hold(task)
        self.held.add(task)

    @precondition(lambda self: any(self.jobs[task] for task in self.jobs.keys() - self.held))
    @rule(task=tasks)
    def refuse(self, task: Task) -> None:
        job = self.level.take(task)
        if job is not None:
            self.jobs[task].remove(job)
            self.level.hold(task, job)
            self.refused[task].append(job)
            self.held.add(task)

    @rule()
    def release(self) -> None:
        self.level.release()
        for task in self.held:
            self.jobs[task] = self.refused[task] + self.jobs[task]
            self.refused[task] = []
        self.held.clear()

    @invariant()
    def what_waits_in_open_lanes_is_counted(self) -> None:
        takeable = {task: jobs for task, jobs in self.jobs.items() if jobs and task not in self.held}
        assert self.level.open.keys() == takeable.keys()
        assert self.level.held.keys() == self.held
        assert self.level.waiting == sum(map(len, takeable.values()))
        assert self.level.is_exhausted == (not takeable)


TestLevelMachine = LevelMachine.TestCase
