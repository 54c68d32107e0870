"""Random pipelines, compared with a simple model of a pipeline: sets and a loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle
from unittest.mock import patch

import pytest
from core_doubles import Records
from core_tasks import Elsewhere, InProcess, Recording, cpus
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.sessions.session import Session

JOBS = [f"j{i}" for i in range(6)]
QUOTA = 4
SECONDS = 60


@dataclass(frozen=True)
class TaskPlan:
    """What one task is like. Numbers of repositories are those of :class:`Plan`, turns are those of the event loop."""

    kind: str
    inputs: frozenset[int]
    outputs: frozenset[int]
    blocked: frozenset[str]
    copies: list[int]
    turns: dict[str, int]
    failures: dict[str, int]
    cpus: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """A pipeline, what its repositories hold at first, and what others add to them meanwhile: when, where and what."""

    repositories: list[frozenset[str]]
    additions: list[tuple[int, int, str]]
    tasks: list[TaskPlan]
    failures: list[int]
    slowness: list[int]
    poll_seconds: tuple[float, float]
    priorities: dict[str, int] | None
    concurrency: int


NUMBERS = st.integers(0, 4)
STEPS = st.sampled_from([*JOBS, "launch", "update", "usage"])
TASK_PLANS = st.builds(
    TaskPlan,
    kind=st.sampled_from(["in process", "at once", "elsewhere", "with a quota"]),
    inputs=st.frozensets(NUMBERS, min_size=1, max_size=2),
    outputs=st.frozensets(NUMBERS, max_size=2),
    blocked=st.frozensets(st.sampled_from(JOBS), max_size=2),
    copies=st.lists(st.integers(0, 2), min_size=1, max_size=4),
    turns=st.dictionaries(STEPS, st.integers(1, 40), max_size=5),
    failures=st.dictionaries(STEPS, st.integers(1, 2), max_size=2),
    cpus=st.dictionaries(st.sampled_from(JOBS), st.integers(1, QUOTA), max_size=6),
)
PLANS = st.builds(
    Plan,
    repositories=st.lists(st.frozensets(st.sampled_from(JOBS)), min_size=5, max_size=5),
    additions=st.lists(st.tuples(st.integers(0, 30), NUMBERS, st.sampled_from(JOBS)), max_size=4),
    tasks=st.lists(TASK_PLANS, min_size=1, max_size=4),
    failures=st.lists(st.integers(0, 2), min_size=5, max_size=5),
    slowness=st.lists(st.integers(0, 20), min_size=5, max_size=5),
    poll_seconds=st.sampled_from([(0.0, 0.0), (0.0001, 0.0001), (0.0005, 0.005)]),
    priorities=st.none() | st.dictionaries(st.sampled_from(JOBS), st.integers(-1, 2), max_size=6),
    concurrency=st.integers(1, 4),
)


USAGE_UNKNOWN_AFTER_A_LAUNCH = Plan(
    repositories=[frozenset(["j0", "j1"]), *([frozenset[str]()] * 4)],
    additions=[],
    tasks=[
        TaskPlan(
            kind="with a quota",
            inputs=frozenset([0]),
            outputs=frozenset(),
            blocked=frozenset(),
            copies=[0],
            turns={},
            failures={"usage": 2},
            cpus={"j0": QUOTA, "j1": QUOTA},
        )
    ],
    failures=[0] * 5,
    slowness=[0] * 5,
    poll_seconds=(0.0, 0.0),
    priorities=None,
    concurrency=1,
)


class Account:
    """What must hold at every moment, checked by the tasks themselves."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.quota = ResourceManager(Resources.parse(QUOTA, 1))
        self.in_use: dict[tuple[str, str], Decimal] = {}

    def take(self, task: str, job: str, cpu: Decimal) -> None:
        self.in_use[task, job] = cpu
        if sum(self.in_use.values()) > QUOTA:
            self.wrong.append(f"quota exceeded by job {job} of {task}")


class Planned(Recording):
    """Follows a plan, and reports launches of jobs that are not ready."""

    plan: TaskPlan
    account: Account

    def follow(self, plan: TaskPlan, account: Account) -> None:
        self.plan, self.account = plan, account
        self.left = Counter(plan.failures)
        copies = cycle(plan.copies)
        self.copies = lambda: next(copies)

    @override
    async def step(self, what: str) -> None:
        await super().step(what)
        for _ in range(self.plan.turns.get(what, 0)):
            await asyncio.sleep(0)
        if self.left[what]:
            self.left[what] -= 1
            raise OSError(f"{self.name} fails at {what}")

    @override
    async def launch(self, job: str) -> None:
        required, inhibiting = self.required_for_start.values(), self.inhibits_start.values()
        ready = all(job in repository.data for repository in required if isinstance(repository, Records))
        if not ready or any(job in repository.data for repository in inhibiting if isinstance(repository, Records)):
            self.account.wrong.append(f"job {job} of {self.name} was launched, but not ready")
        await super().launch(job)


class PlannedInProcess(Planned, InProcess):
    """Runs in this process."""


class PlannedElsewhere(Planned, Elsewhere):
    """Lives elsewhere, and is found finished at the second update after its launch."""

    ages: Counter[str]

    @override
    async def update(self) -> bool:
        self.end([job for job in self.live.data if self.calls[f"seen {job}"] > 0])
        self.calls.update(f"seen {job}" for job in self.live.data)
        return await super().update()


class PlannedWithQuota(PlannedElsewhere):
    """Needs resources."""

    @override
    async def step(self, what: str) -> None:
        if what in JOBS:
            self.account.take(self.name, what, self.request(what).cpu)
        try:
            await super().step(what)
        except BaseException:
            self.account.in_use.pop((self.name, what), None)
            raise

    @override
    def complete(self, job: str) -> None:
        super().complete(job)
        del self.account.in_use[self.name, job]


class Unsteady(Records):
    """Cannot be listed at first, and answers some turns after it has read."""

    def __init__(self, jobs: frozenset[str], failures: int = 0, slowness: int = 0) -> None:
        super().__init__(jobs)
        self.failures, self.slowness = failures, slowness

    async def answer_late(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        for _ in range(self.slowness):
            await asyncio.sleep(0)
        return jobs

    @override
    async def keys(self) -> AbstractSet[str]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("cannot be listed now")
        return await self.answer_late(set(self.data))

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return await self.answer_late(jobs & self.data.keys())


class World:
    """What a plan describes, made of real parts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.account = Account()
        each = zip(plan.repositories, plan.failures, plan.slowness, strict=True)
        self.repositories = [Unsteady(*parts) for parts in each]
        self.tasks = [self.task(f"t{i}", task_plan) for i, task_plan in enumerate(plan.tasks)]

    def task(self, name: str, plan: TaskPlan) -> Planned:
        task: Planned
        match plan.kind:
            case "in process":
                task = PlannedInProcess(name)
            case "at once":
                task = Planned(name)
            case "elsewhere":
                task = PlannedElsewhere(name)
            case _:
                task = PlannedWithQuota(name, self.account.quota)
                task.requests = {job: cpus(cpu) for job, cpu in plan.cpus.items()}
        task.follow(plan, self.account)
        for number in sorted(plan.inputs):
            task.link(f"in{number}", self.repositories[number], is_input=True)
        for number in sorted(plan.outputs):
            task.link(f"out{number}", self.repositories[number], is_output=True)
        task.link("blocked", Unsteady(plan.blocked, slowness=plan.turns.get("launch", 0)), inhibits_start=True)
        return task

    def pipeline(self) -> Pipeline:
        priorities = self.plan.priorities
        return Pipeline(
            self.tasks,
            Session(),
            [self.account.quota],
            None if priorities is None else lambda task, job: priorities.get(job, 0),
            concurrency=self.plan.concurrency,
            poll_seconds=self.plan.poll_seconds,
            retry_seconds=0.0005,
        )

    async def add(self) -> None:
        """Let others add to the repositories."""
        for turns, number, job in self.plan.additions:
            for _ in range(turns):
                await asyncio.sleep(0)
            self.repositories[number].data.setdefault(job, "from outside")

    def check(self) -> None:
        assert self.account.wrong == []
        for task, expected in zip(self.tasks, model(self.plan), strict=True):
            assert set(task.done.data) == expected
            begun = task.started if isinstance(task, Elsewhere) else task.launched
            tries = Counter(task.plan.failures) if not isinstance(task, Elsewhere) else Counter[str]()
            most = {job: 1 + tries[job] + (tries["launch"] if type(task) is Planned else 0) for job in expected}
            counts = Counter(begun)
            assert set(counts) == expected
            assert all(counts[job] <= most[job] for job in expected), "launched more often than it failed"


def model(plan: Plan) -> list[set[str]]:
    """Return what each task has done in the end, by sets and a loop."""
    repositories = [set(jobs) for jobs in plan.repositories]
    for _, number, job in plan.additions:
        repositories[number].add(job)
    done: list[set[str]] = [set() for _ in plan.tasks]
    for _ in range(len(plan.tasks) * len(JOBS)):
        for task, finished in zip(plan.tasks, done, strict=True):
            finished |= set[str].intersection(*(repositories[number] for number in task.inputs)) - task.blocked
            for number in task.outputs:
                repositories[number] |= finished
    return done


@pytest.fixture(autouse=True, scope="module")
def without_minimum_intervals() -> Iterator[None]:
    """Let reconciles follow each other at once, so that they overlap with what jobs do."""
    with patch("pydatatask_core.scheduling.polling._INTERVAL_FACTOR", 0):
        yield


@pytest.mark.requirement("run.until-quiet", "ready.algebra", "quota.atomic", "pipeline.failure-retried")
@given(PLANS)
async def test_a_run_does_what_the_model_does(plan: Plan) -> None:
    world = World(plan)
    async with world.pipeline() as pipeline, asyncio.TaskGroup() as group:
        adding = group.create_task(world.add())
        await pipeline.run(timeout=SECONDS)
        if plan.additions:
            await adding
            await pipeline.run(timeout=SECONDS)  # for what was added after the last reconcile of the first run
    world.check()


@pytest.mark.requirement("run.until-quiet")
@settings(max_examples=30)
@given(PLANS)
async def test_a_run_that_goes_on_for_ever_comes_to_the_same(plan: Plan) -> None:
    world = World(plan)
    expected = model(plan)
    async with world.pipeline() as pipeline, asyncio.TaskGroup() as group:
        running = group.create_task(pipeline.run(forever=True))
        await world.add()
        async with asyncio.timeout(SECONDS):
            while [set(task.done.data) for task in world.tasks] != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        running.cancel()
    world.check()


@pytest.mark.requirement("pipeline.update")
@given(PLANS)
@example(USAGE_UNKNOWN_AFTER_A_LAUNCH)
async def test_updates_until_nothing_happens_do_what_the_model_does(plan: Plan) -> None:
    world = World(plan)
    async with world.pipeline() as pipeline:
        await world.add()
        rounds = 0
        while await pipeline.update():
            rounds += 1
            assert rounds < 1000
    world.check()
