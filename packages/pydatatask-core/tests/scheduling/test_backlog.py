from __future__ import annotations

from typing import Any

import pytest
from core_tasks import Idle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from typing_extensions import override

from pydatatask_core.errors import DefinitionError
from pydatatask_core.scheduling.backlog import Backlog
from pydatatask_core.scheduling.levels import Level
from pydatatask_core.scheduling.turns import Turns
from pydatatask_core.tasks.task import Task

ONE, TWO = Idle("one"), Idle("two")
TASKS = st.sampled_from([ONE, TWO])
JOBS = st.frozensets(st.sampled_from([f"{letter}{digit}" for letter in "abcd" for digit in "012"]), max_size=6)


def by_digit(task: str, job: str) -> int:
    return int(job[-1])


def drained(backlog: Backlog, *tasks: Task) -> list[str]:
    """Take all there is, and offer each job at once."""
    order: list[str] = []
    while (taken := next((found for task in tasks if (found := backlog.take(task)) is not None), None)) is not None:
        job, level = taken
        order.append(job)
        backlog.offered(level)
    return order


@pytest.mark.requirement("priority.order")
@given(one=JOBS, two=JOBS)
def test_jobs_come_by_priority_and_then_by_id(one: frozenset[str], two: frozenset[str]) -> None:
    backlog = Backlog(by_digit, Turns())
    backlog.replace({ONE: one, TWO: two})
    order = drained(backlog, ONE, TWO)
    assert sorted(order) == sorted([*one, *two])
    assert [job[-1] for job in order] == sorted((job[-1] for job in order), reverse=True)
    backlog.replace({ONE: one})
    assert drained(backlog, ONE) == sorted(one, key=lambda job: (-int(job[-1]), job))


@given(jobs=JOBS, more=JOBS)
def test_without_a_priority_all_are_equal_and_later_ones_come_later(jobs: frozenset[str], more: frozenset[str]) -> None:
    backlog = Backlog(None, Turns())
    backlog.replace({ONE: jobs})
    backlog.add(ONE, more)
    assert drained(backlog, ONE) == [*sorted(jobs), *sorted(more - jobs)]


@pytest.mark.requirement("priority.own-task-no-overtaking")
def test_what_was_refused_comes_first_once_there_is_room_then_what_was_behind_it() -> None:
    backlog = Backlog(None, Turns())
    backlog.replace({ONE: frozenset("abcde"), TWO: frozenset("x")})
    taken = [backlog.take(ONE) for _ in range(2)]
    for entry in taken:
        assert entry is not None
        backlog.hold(ONE, *entry)
        backlog.offered(entry[1])
    backlog.add(ONE, frozenset("f"))
    assert drained(backlog, ONE, TWO) == ["x"]
    assert backlog.held == {ONE}
    assert backlog.release()
    assert not backlog.release()
    assert drained(backlog, ONE, TWO) == list("abcdef")


def test_what_is_put_back_comes_first() -> None:
    backlog = Backlog(None, Turns())
    backlog.replace({ONE: frozenset("abc")})
    entry = backlog.take(ONE)
    assert entry is not None
    backlog.put_back(ONE, *entry)
    backlog.offered(entry[1])
    assert drained(backlog, ONE) == list("abc")


@pytest.mark.requirement("priority.own-task-no-overtaking")
@given(st.permutations(range(4)), st.lists(st.sampled_from(["hold", "put back", "release"]), min_size=8, max_size=8))
def test_refused_jobs_wait_in_the_order_in_which_they_were_taken_however_their_launches_end(
    order: list[int], ways: list[str]
) -> None:
    backlog = Backlog(None, Turns())
    backlog.replace({ONE: frozenset("abcdef")})
    for _ in range(2):
        taken = [backlog.take(ONE) for _ in range(4)]
        assert [entry[0] for entry in taken if entry is not None] == list("abcd")
        for number, way in zip(order, ways, strict=False):
            entry = taken[number]
            assert entry is not None
            if way == "hold":
                backlog.hold(ONE, *entry)
            else:
                backlog.put_back(ONE, *entry)
            if way == "release":
                backlog.release()
            backlog.offered(entry[1])
        backlog.release()
    assert drained(backlog, ONE) == list("abcdef")


def test_a_job_that_was_accepted_and_waits_again_later_has_no_rank_from_then() -> None:
    backlog = Backlog(None, Turns())
    backlog.replace({ONE: frozenset("abc")})
    entry = backlog.take(ONE)
    assert entry is not None
    backlog.accepted(ONE, "a")
    backlog.offered(entry[1])
    backlog.add(ONE, frozenset("a"))
    second = backlog.take(ONE)
    assert second is not None
    backlog.put_back(ONE, *second)
    backlog.offered(second[1])
    assert drained(backlog, ONE) == list("bca")


def test_a_lower_level_waits_for_what_was_taken_of_a_higher_one_even_if_the_plan_is_replaced() -> None:
    backlog = Backlog(by_digit, Turns())
    backlog.replace({ONE: frozenset(["a2"]), TWO: frozenset(["b1"])})
    entry = backlog.take(ONE)
    assert entry is not None
    assert backlog.take(TWO) is None
    backlog.replace({TWO: frozenset(["c1"]), ONE: frozenset(["d2"])})
    assert backlog.take(TWO) is None
    assert backlog.take_offered(ONE) == "d2"
    assert backlog.take(TWO) is None
    assert backlog.offered(entry[1])
    assert drained(backlog, TWO) == ["c1"]


@pytest.mark.parametrize("wrong", [None, "high", ZeroDivisionError()])
def test_an_invalid_priority_is_an_error_that_names_task_and_job(wrong: Any) -> None:
    def priority(task: str, job: str) -> int:
        if isinstance(wrong, Exception):
            raise wrong
        value: int = wrong
        return value

    with pytest.raises(DefinitionError, match="priority of job a of task one"):
        Backlog(priority, Turns()).replace({ONE: frozenset("a")})


def test_a_place_that_becomes_free_does_not_copy_what_waits() -> None:
    backlog = Backlog(None, Turns())
    backlog.replace({ONE: frozenset(f"j{i:04}" for i in range(1000))})
    assert backlog.top is not None
    queue = backlog.top.open[ONE].jobs
    for _ in range(3):
        entry = backlog.take(ONE)
        assert entry is not None
        backlog.hold(ONE, *entry)
        backlog.offered(entry[1])
        backlog.release()
        assert backlog.top.open[ONE].jobs is queue


def test_the_task_whose_last_turn_is_the_longest_ago_comes_first() -> None:
    turns = Turns()
    backlog = Backlog(None, turns)
    backlog.replace({ONE: frozenset("ab"), TWO: frozenset("cd")})
    assert list(backlog.waiting()) == [ONE, TWO]
    turns.take(ONE)
    assert list(backlog.waiting()) == [TWO, ONE]
    turns.take(TWO)
    backlog.replace({ONE: frozenset("ab"), TWO: frozenset("cd")})
    assert list(backlog.waiting()) == [ONE, TWO]


def test_a_hold_gives_way_to_the_next_level_where_only_the_held_task_had_jobs_in_a_higher_one() -> None:
    backlog = Backlog(by_digit, Turns())
    backlog.replace({ONE: frozenset(["a1"]), TWO: frozenset(["b0"])})
    entry = backlog.take(ONE)
    assert entry is not None
    backlog.add(ONE, frozenset(["c2"]))
    backlog.hold(ONE, *entry)
    assert backlog.offered(entry[1]), "workers have to be started for it"
    assert drained(backlog, ONE, TWO) == ["b0"]
    assert backlog.release()
    assert drained(backlog, ONE, TWO) == ["c2", "a1"]


class BacklogMachine(RuleBasedStateMachine):
    """Does anything to a backlog, beside a plain account of what waits, is held, and is being offered."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog(by_digit, Turns())
        self.waiting: dict[Task, set[str]] = {ONE: set(), TWO: set()}
        self.held: set[Task] = set()
        self.offering: list[tuple[Task, str, Level]] = []

    def being_offered(self, task: Task) -> set[str]:
        return {job for other, job, _ in self.offering if other is task}

    def highest(self) -> int:
        offerable = [int(job[-1]) for task in self.waiting.keys() - self.held for job in self.waiting[task]]
        return max([*offerable, *(level.priority for _, _, level in self.offering)], default=-1)

    def expected(self, task: Task) -> set[str]:
        if task in self.held:
            return set()
        return {job for job in self.waiting[task] if int(job[-1]) == self.highest()}

    @rule(one=JOBS, two=JOBS)
    def replace(self, one: frozenset[str], two: frozenset[str]) -> None:
        self.waiting = {ONE: set(one - self.being_offered(ONE)), TWO: set(two - self.being_offered(TWO))}
        self.held.clear()
        self.backlog.replace({task: frozenset(jobs) for task, jobs in self.waiting.items()})

    @rule(task=TASKS, jobs=JOBS)
    def add(self, task: Task, jobs: frozenset[str]) -> None:
        new = jobs - self.being_offered(task)
        self.waiting[task] |= new
        self.backlog.add(task, new)

    @rule(task=TASKS)
    def take(self, task: Task) -> None:
        expected, taken = self.expected(task), self.backlog.take(task)
        assert (taken is None) == (not expected)
        if taken is not None:
            job, level = taken
            assert job in expected
            assert level.priority == int(job[-1])
            self.waiting[task].remove(job)
            self.offering.append((task, job, level))

    @rule(task=TASKS)
    def take_offered(self, task: Task) -> None:
        expected, job = self.expected(task), self.backlog.take_offered(task)
        assert job in expected if expected else job is None
        self.waiting[task].discard(job or "")

    @precondition(lambda self: self.offering)
    @rule(number=st.integers(0, 20), outcome=st.sampled_from(["launched", "held", "put back"]))
    def offered(self, number: int, outcome: str) -> None:
        task, job, level = self.offering.pop(number % len(self.offering))
        if outcome == "held":
            self.backlog.hold(task, job, level)
            self.held.add(task)
        elif outcome == "put back":
            self.backlog.put_back(task, job, level)
        if outcome != "launched":
            self.waiting[task].add(job)
        self.backlog.offered(level)

    @rule()
    def release(self) -> None:
        assert self.backlog.release() == bool(self.held)
        self.held.clear()

    @invariant()
    def what_may_be_taken_is_waiting(self) -> None:
        assert {task for task in (ONE, TWO) if self.expected(task)} == set(self.backlog.waiting())

    @override
    def teardown(self) -> None:
        self.release()
        for *_, level in self.offering:
            self.backlog.offered(level)
        left = drained(self.backlog, ONE, TWO)
        assert sorted(left) == sorted([*self.waiting[ONE], *self.waiting[TWO]])


TestBacklogMachine = BacklogMachine.TestCase
