from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest
from core_doubles import Records
from core_tasks import Idle, until
from typing_extensions import override

from pydatatask_core.opening import all_repositories, finish_tasks, validate_repositories
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.tasks.task import Task

READ, WRITE, OBSERVE = Access.READ, Access.WRITE, Access.OBSERVE


class Validated(Records):
    """Notes what it was validated for."""

    def __init__(self, name: str = "validated", made_of: Sequence[Repository] = ()) -> None:
        super().__init__(name=name)
        self.accesses: list[Access] = []
        self.made_of = made_of

    @override
    async def validate(self) -> None:
        await self.ask("validate")
        self.accesses.append(validation_access.get())

    @override
    def parts(self) -> Sequence[Repository]:
        return self.made_of


async def test_outside_a_pipeline_a_repository_is_validated_for_writing() -> None:
    repository = Validated()
    await repository.validate()
    assert repository.accesses == [WRITE]


@pytest.mark.requirement("repo.validate-on-open", "validate.inner")
async def test_each_repository_is_validated_once_for_what_is_done_with_it() -> None:
    source, out, status, lock, both = (Validated(name) for name in ("source", "out", "status", "lock", "both"))
    one, two = Idle("one"), Idle("two")
    one.link("source", source, is_input=True)
    one.link("out", out, is_output=True)
    one.link("status", status, is_status=True)
    one.link("lock", lock, inhibits_start=True)
    one.link("both", both, is_input=True)
    two.link("out", out, is_input=True)
    two.link("both", both, is_output=True)
    await validate_repositories([one, two], WRITE)
    accesses = {repository.name: repository.accesses for repository in (source, out, status, lock, both)}
    assert accesses == {"source": [READ], "out": [WRITE], "status": [WRITE], "lock": [READ], "both": [WRITE]}


@pytest.mark.requirement("repo.validate-on-open")
async def test_to_observe_nothing_is_validated_for_more_than_that() -> None:
    source, out, task = Validated(), Validated(), Idle("task")
    task.link("source", source, is_input=True)
    task.link("out", out, is_output=True)
    await validate_repositories([task], OBSERVE)
    assert source.accesses == out.accesses == [OBSERVE]


@pytest.mark.requirement("validate.inner")
@pytest.mark.parametrize(("written", "expected"), [(False, READ), (True, WRITE)])
async def test_repositories_inside_combinators_and_views_are_validated_too(written: bool, expected: Access) -> None:
    one, two, three, task = Validated(), Validated(), Validated(), Idle("task")
    combined = Validated(made_of=[one, two.map(str)])
    task.link("x", combined, is_input=not written, is_output=written)
    task.link("y", three.map(str), is_input=not written, is_status=written)
    await validate_repositories([task], WRITE)
    assert [repository.accesses for repository in (combined, one, two, three)] == [[expected]] * 4


@pytest.mark.requirement("validate.inner")
async def test_of_a_translated_view_that_is_written_only_the_base_is() -> None:
    base, translator, task = Validated(), Validated(), Idle("task")
    task.link("out", TranslatedRepository(base, translator), is_output=True)
    await validate_repositories([task], WRITE)
    assert (base.accesses, translator.accesses) == ([WRITE], [READ])


@pytest.mark.requirement("validate.inner")
async def test_what_a_plugged_task_only_reads_is_validated_for_reading() -> None:
    out, done, translator, up, down = Validated(), Validated(), Validated(), Idle("up"), Idle("down")
    up.link("out", out, is_output=True)
    up.link("done", done, is_status=True, required_for_output=True)
    down.plug(up, translator=translator)
    await validate_repositories([down], WRITE)
    assert [repository.accesses for repository in (out, done, translator)] == [[READ]] * 3


@pytest.mark.requirement("validate.inner", "ready.override")
async def test_a_ready_repository_that_was_given_is_validated_with_its_parts() -> None:
    inner = Validated()
    ready = Validated(made_of=[inner])
    await validate_repositories([Idle("task", ready=ready)], WRITE)
    assert (ready.accesses, inner.accesses) == ([READ], [READ])


async def test_what_a_repository_is_validated_for_is_not_seen_outside() -> None:
    task = Idle("task")
    task.link("x", Validated(), is_input=True)
    await validate_repositories([task], OBSERVE)
    assert validation_access.get() is WRITE


async def test_repositories_are_validated_at_the_same_time() -> None:
    repositories = [Validated() for _ in range(5)]
    task, gate = Idle("task"), asyncio.Event()
    for i, repository in enumerate(repositories):
        repository.waiting["validate"] = gate
        task.link(f"x{i}", repository, is_input=True)
    validating = asyncio.create_task(validate_repositories([task], WRITE))
    for repository in repositories:
        await repository.waits.wait()
    gate.set()
    await validating


@pytest.mark.requirement("repo.validate-written-first")
async def test_what_is_written_is_validated_before_what_is_only_read() -> None:
    """A bucket that one of them creates may be the one that the other is read from."""
    source, out, task, gate = Validated(), Validated(), Idle("task"), asyncio.Event()
    task.link("source", source, is_input=True)
    task.link("out", out, is_output=True)
    out.waiting["validate"] = gate
    validating = asyncio.create_task(validate_repositories([task], WRITE))
    await out.waits.wait()
    assert source.accesses == []
    gate.set()
    await validating
    assert (source.accesses, out.accesses) == ([READ], [WRITE])


@pytest.mark.requirement("repo.validate-on-open")
async def test_the_first_failure_is_raised_and_the_others_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    good, first, second, task = Validated(), Validated(), Validated(), Idle("task")
    first.failing["validate"] = PermissionError("the first is not writable")
    second.failing["validate"] = PermissionError("the second is not writable")
    for name, repository in (("a", good), ("b", first), ("c", second)):
        task.link(name, repository, is_input=True)
    with caplog.at_level(logging.ERROR, "pydatatask.pipeline"), pytest.raises(PermissionError, match="the first"):
        await validate_repositories([task], WRITE)
    assert good.accesses == [READ]
    (record,) = caplog.records
    assert "the second is not writable" in record.getMessage()


def tasks_of(*repositories: Repository) -> list[Task]:
    task = Idle("task")
    for i, repository in enumerate(repositories):
        task.link(f"x{i}", repository)
    return [task]


def test_all_repositories_are_listed_once_in_order_whatever_they_are_part_of() -> None:
    one, two = Records(), Records()
    view = one.map(str)
    tasks = tasks_of(view, two, one, TranslatedRepository(one, two))
    assert all_repositories(tasks)[:2] == [view, two]
    assert sum(repository is one for repository in all_repositories(tasks)) == 1
    assert sum(repository is two for repository in all_repositories(tasks)) == 1


class Leaving(Idle):
    """Waits as it is finished, until a gate is opened or it is cancelled; then it fails, if that is wanted."""

    def __init__(self, name: str, error: BaseException | None = None) -> None:
        super().__init__(name)
        self.error = error
        self.gate = asyncio.Event()
        self.events: list[str] = []

    @override
    async def finish(self) -> None:
        self.events.append("begins")
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.events.append("cancelled")
            raise
        if self.error is not None:
            raise self.error
        self.events.append("ends")


async def test_a_task_that_takes_long_to_finish_holds_up_no_other() -> None:
    slow, quick = Leaving("slow"), Leaving("quick")
    quick.gate.set()
    finishing = asyncio.create_task(finish_tasks([slow, quick]))
    await until(lambda: quick.events == ["begins", "ends"])
    assert not finishing.done()
    slow.gate.set()
    await finishing
    assert slow.events == ["begins", "ends"]


async def test_a_cancellation_is_raised_once_every_task_has_been_finished() -> None:
    class Stubborn(Leaving):
        @override
        async def finish(self) -> None:
            try:
                await super().finish()
            except asyncio.CancelledError:
                self.gate.clear()
                await super().finish()
                raise

    first, stubborn, last = Leaving("first"), Stubborn("stubborn"), Leaving("last")
    finishing = asyncio.create_task(finish_tasks([first, stubborn, last]))
    await asyncio.sleep(0)
    finishing.cancel()  # it has begun, and nothing of it has
    await until(lambda: stubborn.events == ["begins", "cancelled", "begins"])
    assert first.events == last.events == ["begins", "cancelled"]
    assert not finishing.done()
    stubborn.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert stubborn.events[-1] == "ends"


@pytest.mark.parametrize("error", [OSError("no"), asyncio.CancelledError("no")])
async def test_a_task_that_cannot_be_finished_is_logged(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    failing, other = Leaving("failing", error), Leaving("other")
    failing.gate.set()
    other.gate.set()
    await finish_tasks([failing, other])
    assert other.events == ["begins", "ends"]
    assert [record.getMessage() for record in caplog.records] == ["task failing could not be finished"]
