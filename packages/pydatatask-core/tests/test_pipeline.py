from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from core_doubles import Records
from core_tasks import Idle, InProcess, Recording
from typing_extensions import override

from pydatatask_core.errors import DefinitionError, DuplicateNameError, SessionStateError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.task import Task


class Observed:
    """A session with one resource that notes what becomes of it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.session = Session()
        self.resource = self.session.resource(self.manage)

    async def manage(self) -> AsyncGenerator[str, None]:
        self.log.append("open")
        try:
            yield "resource"
        except BaseException as error:
            self.log.append(type(error).__name__)
            raise
        finally:
            self.log.append("close")


class Checking(Records):
    """Uses a resource of the session when it is validated."""

    def __init__(self, observed: Observed) -> None:
        super().__init__(["a"])
        self.observed = observed
        self.validated: list[Access] = []

    @override
    async def validate(self) -> None:
        await self.ask("validate")
        assert self.observed.resource() == "resource"
        self.validated.append(validation_access.get())


class Line:
    """A pipeline of two stages: what is in ``source`` is copied, and copied again."""

    def __init__(self, **options: Any) -> None:
        self.observed = Observed()
        self.source = Checking(self.observed)
        self.middle, self.end = Records(), Records()
        self.one, self.two = InProcess("one", self.copy_one), InProcess("two", self.copy_two)
        self.one.link("source", self.source, is_input=True)
        self.one.link("middle", self.middle, is_output=True)
        self.two.plug(self.one)
        self.two.link("end", self.end, is_output=True)
        self.pipeline = Pipeline([self.one, self.two], self.observed.session, **options)

    async def copy_one(self, job: str) -> None:
        self.middle.data[job] = self.source.data[job]

    async def copy_two(self, job: str) -> None:
        self.end.data[job] = self.middle.data[job]


# Definition


@pytest.mark.requirement("names.pipeline-attributes", "pipeline.resources-optional")
def test_a_pipeline_has_the_attributes_that_the_contract_names() -> None:
    one, two, session = Idle("one"), Idle("two"), Session()
    bare = Pipeline(iter([two, one]), session)
    assert list(bare.tasks.items()) == [("two", two), ("one", one)]
    assert bare.session is session
    assert bare.resources == []
    assert bare.priority is None
    manager = ResourceManager(Resources())

    def priority(task: str, job: str) -> int:
        return 0

    full = Pipeline([one], session, [manager], priority)
    assert full.resources == [manager]
    assert full.priority is priority


@pytest.mark.requirement("pipeline.duplicate-task")
def test_two_tasks_of_one_name_are_an_error_that_names_it() -> None:
    with pytest.raises(DuplicateNameError, match="two tasks named 'same'"):
        Pipeline([Idle("same"), Idle("other"), Idle("same")], Session())


@pytest.mark.parametrize("concurrency", [0, -1])
def test_nothing_can_be_run_without_a_worker(concurrency: int) -> None:
    with pytest.raises(DefinitionError, match="concurrency"):
        Pipeline([], Session(), concurrency=concurrency)


def test_settings_reach_all_tasks() -> None:
    line = Line()
    line.pipeline.settings(synchronous=True, metadata=False)
    assert [(task.synchronous, task.metadata) for task in line.pipeline.tasks.values()] == [(True, False)] * 2
    line.pipeline.settings()
    assert [(task.synchronous, task.metadata) for task in line.pipeline.tasks.values()] == [(False, True)] * 2


# Opening and closing


@pytest.mark.requirement("pipeline.context", "session.with-pipeline")
async def test_entering_opens_the_session_too_and_gives_the_pipeline() -> None:
    line = Line()
    async with line.pipeline as pipeline:
        assert pipeline is line.pipeline
        assert pipeline.is_open
        assert line.observed.log == ["open"]
        assert line.observed.resource() == "resource"
    assert not line.pipeline.is_open
    assert line.observed.log == ["open", "close"]


@pytest.mark.requirement("session.with-pipeline")
async def test_resources_see_what_the_pipeline_is_left_by() -> None:
    line = Line()
    with pytest.raises(ZeroDivisionError):
        async with line.pipeline:
            raise ZeroDivisionError
    assert line.observed.log == ["open", "ZeroDivisionError", "close"]


@pytest.mark.requirement("pipeline.reopened", "pipeline.validate-task-once", "pipeline.validate-repositories-each")
async def test_a_pipeline_can_be_opened_again_and_validates_its_tasks_only_once() -> None:
    line = Line()
    for opening in (1, 2, 3):
        async with line.pipeline:
            assert line.source.asked["validate"] == opening
            assert (line.one.calls["validate"], line.one.calls["prepare"]) == (1, opening)
    assert line.source.validated == [Access.READ] * 3


async def test_a_pipeline_can_be_opened_and_closed_by_hand() -> None:
    line = Line()
    await line.pipeline.open()
    with pytest.raises(SessionStateError, match="open already"):
        await line.pipeline.open()
    await line.pipeline.close()
    await line.pipeline.close()
    assert line.observed.log == ["open", "close"]


@pytest.mark.requirement("repo.validate-on-open")
async def test_a_repository_that_is_not_usable_ends_the_opening_and_closes_the_session() -> None:
    line = Line()
    line.source.failing["validate"] = PermissionError("not writable")
    with pytest.raises(PermissionError, match="not writable"):
        await line.pipeline.open()
    assert line.observed.log == ["open", "PermissionError", "close"]
    assert not line.pipeline.is_open
    assert line.one.calls["validate"] == 0
    line.source.failing.clear()
    async with line.pipeline:
        assert line.one.calls == {"validate": 1, "prepare": 1}


@pytest.mark.requirement("pipeline.validate-task-once")
async def test_after_a_task_that_is_not_usable_only_what_has_not_been_validated_is() -> None:
    class Picky(Recording):
        usable = False

        @override
        async def validate(self) -> None:
            await super().validate()
            if not self.usable:
                raise ValueError("not usable")

    line, picky = Line(), Picky("picky", ready=Records())
    pipeline = Pipeline([line.one, picky, line.two], line.observed.session)
    with pytest.raises(ValueError, match="not usable"):
        await pipeline.open()
    assert line.observed.log[-1] == "close"
    picky.usable = True
    async with pipeline:
        assert [task.calls["validate"] for task in (line.one, picky, line.two)] == [1, 2, 1]


async def test_an_opening_that_is_cancelled_closes_the_session() -> None:
    line = Line()
    line.source.waiting["validate"] = asyncio.Event()
    opening = asyncio.create_task(line.pipeline.open())
    await line.source.waits.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert line.observed.log == ["open", "CancelledError", "close"]
    assert not line.pipeline.is_open


@pytest.mark.requirement("pipeline.nothing-outside")
async def test_opening_launches_and_reaps_nothing() -> None:
    line = Line()
    async with line.pipeline:
        await asyncio.sleep(0)
    assert line.one.launched == []
    assert line.one.calls["update"] == 0


async def test_to_observe_is_to_validate_for_that_and_nothing_else() -> None:
    line = Line()
    await line.pipeline.open(Access.OBSERVE)
    accesses = [line.pipeline.access]
    assert line.source.validated == [Access.OBSERVE]
    assert line.one.calls == {}
    assert await line.pipeline.gather_ready_jobs(line.one) == {"a"}
    with pytest.raises(SessionStateError, match="not open for rounds"):
        await line.pipeline.update()
    await line.pipeline.close()
    accesses.append(line.pipeline.access)
    async with line.pipeline:
        accesses.append(line.pipeline.access)
        assert line.one.calls == {"validate": 1, "prepare": 1}
    assert accesses == [Access.OBSERVE, None, Access.WRITE]


@pytest.mark.requirement("ready.nothing-required")
async def test_a_task_that_nothing_requires_says_at_the_first_opening_that_it_is_never_launched(
    caplog: pytest.LogCaptureFixture,
) -> None:
    never, off, given = Recording("never"), Recording("off", disabled=True), Recording("given", ready=Records())
    pipeline = Pipeline([never, off, given], Session())
    with caplog.at_level(logging.WARNING, "pydatatask.pipeline"):
        for _ in range(2):
            async with pipeline:
                assert not await pipeline.update()
                await pipeline.run(timeout=30)
    (record,) = caplog.records
    assert "task never will never be launched" in record.getMessage()
    assert never.launched == []


# Using it


@pytest.mark.requirement("pipeline.needs-open")
async def test_rounds_need_an_open_pipeline_and_say_so() -> None:
    line = Line()
    async with line.pipeline:
        pass
    calls = (
        line.pipeline.update,
        line.pipeline.update_only_update,
        line.pipeline.update_only_launch,
        line.pipeline.run,
    )
    for call in calls:
        with pytest.raises(SessionStateError, match="not open"):
            await call()
    assert line.one.launched == []


async def test_a_round_that_waits_for_another_is_not_begun_once_the_pipeline_is_closed() -> None:
    line = Line()
    await line.pipeline.open()
    line.source.waiting["list"] = asyncio.Event()
    first, second = asyncio.create_task(line.pipeline.update()), asyncio.create_task(line.pipeline.update())
    await line.source.waits.wait()
    await line.pipeline.close()
    line.source.waiting.pop("list").set()
    await first
    with pytest.raises(SessionStateError, match="closed before"):
        await second


@pytest.mark.requirement("pipeline.gather-ready")
async def test_the_ready_jobs_of_a_task_are_a_set() -> None:
    line = Line()
    line.source.data = {"a": 1, "b": 2, "-": 3}
    assert await line.pipeline.gather_ready_jobs(line.one) == {"a", "b"}
    async with line.pipeline:
        line.one.done.data["a"] = True
        ready = await line.pipeline.gather_ready_jobs(line.one)
        assert ready == {"b"}
        ready.clear()
        assert await line.pipeline.gather_ready_jobs(line.one) == {"b"}


@pytest.mark.requirement("repo.override-obeyed", "pipeline.gather-ready")
async def test_the_ready_jobs_of_a_ready_repository_that_overrides_contains_are_those_it_contains() -> None:
    class Even(Records):
        @override
        async def contains(self, item: str) -> bool:
            return int(item) % 2 == 0 and await super().contains(item)

        @override
        async def contained(self, jobs: Any) -> Any:
            return {job for job in jobs if await self.contains(job)}

    class EvenOnly(Even):
        @override
        async def contains(self, item: str) -> bool:
            return await super().contains(item)

    task = Recording("task", ready=EvenOnly("1234"))
    assert await Pipeline([task], Session()).gather_ready_jobs(task) == {"2", "4"}


@pytest.mark.requirement("pipeline.restart", "pipeline.reopened")
async def test_what_was_done_in_one_opening_is_known_in_the_next_by_the_repositories_alone() -> None:
    line = Line()
    async with line.pipeline:
        await line.pipeline.update()
    del line.one.done.data["a"]
    line.source.data["b"] = 2
    async with line.pipeline:
        await line.pipeline.run(timeout=30)
    assert line.one.launched == ["a", "a", "b"]
    assert line.end.data == {"a": None, "b": 2}
    again = Pipeline([line.one, line.two], line.observed.session)
    async with again:
        await again.run(timeout=30)
    assert len(line.one.launched) == 3


def test_one_pipeline_can_be_used_in_one_event_loop_after_another() -> None:
    manager = ResourceManager(Resources.parse(1, 1))
    line = Line(resources=[manager])

    async def main(job: str) -> None:
        async with line.pipeline:
            line.source.data[job] = job
            assert await line.pipeline.update()
            await line.pipeline.run(timeout=30)
            assert await manager.reserve(Resources.parse(2, 1)) is not None

    for job in "bcd":
        asyncio.run(main(job))
    assert sorted(line.end.data) == ["a", "b", "c", "d"]
    assert len(line.one.launched) == len(line.two.launched) == 4


async def test_what_is_changed_between_openings_counts_at_the_next() -> None:
    line = Line()
    seen: list[str] = []

    def priority(task: str, job: str) -> int:
        seen.append(f"{task} {job}")
        return 0

    async with line.pipeline:
        pass
    line.pipeline.priority = priority
    late: Task = Recording("late", ready=Records(["x"]))
    line.pipeline.tasks["late"] = late
    async with line.pipeline:
        await line.pipeline.update()
    assert "late x" in seen
    assert "one a" in seen
