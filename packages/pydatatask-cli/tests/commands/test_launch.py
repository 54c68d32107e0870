from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from cli_outcomes import chain
from cli_pipelines import Library, Step, call_main, library
from typing_extensions import override

from pydatatask_cli import launch, run
from pydatatask_core.errors import JobFailedError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.sessions.session import Session
from pydatatask_storage.memory.metadata import InProcessMetadataRepository


@pytest.fixture
def lib() -> Library:
    return library("b1")


@pytest.mark.requirement("cli.launch", "cli.functions-status")
async def test_a_ready_job_is_launched(lib: Library) -> None:
    assert await launch(lib.pipeline, "count", "b1", sync=False, meta=True, force=False) == 0
    assert lib.counts.data == {"b1": 3}
    assert lib.counted.data == {"b1": {"result": "success"}}


@pytest.mark.requirement("cli.launch-not-ready", "cli.user-errors")
async def test_a_job_that_is_not_ready_is_refused_with_the_reason(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    lib.counted.data["b1"] = {}
    assert await launch(lib.pipeline, "count", "b1", sync=False, meta=True, force=False) == 1
    assert "job b1 of task count is not ready: it is in count.done" in capsys.readouterr().err
    assert await launch(lib.pipeline, "rank_all", "b1", sync=False, meta=True, force=False) == 1
    err = capsys.readouterr().err
    assert "job b1 of task rank-all is not ready: it is not in rank-all.counts (--force launches it)" in err
    assert err.count("\n") == 1
    assert (lib.counts.data, lib.ranks.data) == ({}, {})


@pytest.mark.requirement("cli.launch-force")
async def test_force_takes_any_valid_id(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    lib.counted.data["b1"] = {"old": True}
    assert await launch(lib.pipeline, "count", "b1", sync=False, meta=True, force=True) == 0
    assert lib.counted.data["b1"] == {"result": "success"}
    assert await launch(lib.pipeline, "rank-all", "elsewhere", sync=False, meta=True, force=True) == 0
    assert lib.ranks.data == {"elsewhere": {"rank": None}}
    for invalid in ("not an id", "", "x" * 64):
        assert await launch(lib.pipeline, "count", invalid, sync=False, meta=True, force=True) == 2
        assert "is not a valid job id" in capsys.readouterr().err


@pytest.mark.requirement("cli.launch-force")
async def test_force_launches_a_task_that_nothing_makes_ready(capsys: pytest.CaptureFixture[str]) -> None:
    ran: list[str] = []

    async def body(job: str) -> None:
        ran.append(job)

    pipeline = Pipeline([Step("t", InProcessMetadataRepository(), body)], Session())
    assert await launch(pipeline, "t", "a", sync=False, meta=True, force=False) == 1
    assert "no link of the task is required for its start" in capsys.readouterr().err
    assert await launch(pipeline, "t", "not an id", sync=False, meta=True, force=True) == 2
    assert await launch(pipeline, "t", "a", sync=False, meta=True, force=True) == 0
    assert ran == ["a"]


@pytest.mark.requirement("cli.launch-sync-meta")
@pytest.mark.parametrize(("sync", "meta"), [(True, True), (True, False), (False, True), (False, False)])
async def test_sync_and_meta_reach_the_task_for_this_launch(lib: Library, sync: bool, meta: bool) -> None:
    seen: list[tuple[bool, bool]] = []

    async def body(job: str) -> None:
        seen.append((lib.count.synchronous, lib.count.metadata))

    lib.count.body = body
    assert await launch(lib.pipeline, "count", "b1", sync=sync, meta=meta, force=False) == 0
    assert seen == [(sync, meta)]
    assert (lib.count.synchronous, lib.count.metadata) == (False, True)
    assert lib.counted.data == ({"b1": {"result": "success"}} if meta else {})


@pytest.mark.requirement("cli.launch-sync-meta", "cli.launch")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], (False, True)), (["--sync"], (True, True)), (["--no-meta"], (False, False)), (["--force"], (False, True))],
)
def test_the_command_line(
    lib: Library, arguments: list[str], expected: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    async def body(job: str) -> None:
        seen.append((lib.count.synchronous, lib.count.metadata))

    lib.count.body = body
    assert call_main(monkeypatch, lib.pipeline, "launch", "count", "b1", *arguments) == 0
    assert seen == [expected]


@pytest.mark.requirement("cli.launch-function-fails", "func.sync-exit-status")
@pytest.mark.parametrize("sync", [True, False])
async def test_a_function_that_fails_makes_the_status_1(
    lib: Library, sync: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async def body(job: str) -> None:
        raise RuntimeError("no\nluck")

    lib.count.body = body
    assert await launch(lib.pipeline, "count", "b1", sync=sync, meta=True, force=False) == 1
    err = capsys.readouterr().err
    assert "job b1 of task count failed: RuntimeError('no\\nluck')" in err
    assert err.count("\n") == 1
    assert lib.counted.data["b1"]["result"] == "exception"
    assert lib.count.failure_listener is None


async def test_a_job_that_has_failed_is_refused_with_the_command_that_starts_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path)
    await run(made.pipeline, False, False, None)
    capsys.readouterr()
    assert await launch(made.pipeline, "a", "b1", sync=False, meta=True, force=False) == 1
    told = "job b1 of task a is not ready: it is in a.failures, and started again by: retry a b1 (--force launches it)"
    assert told in capsys.readouterr().err


async def test_how_a_job_has_failed_without_an_exception_is_said_in_words(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    async def body(job: str) -> None:
        lib.count.failed(job, JobFailedError("it ran longer than its timeout of 0:00:02"))

    lib.count.body = body
    assert await launch(lib.pipeline, "count", "b1", sync=True, meta=True, force=False) == 1
    assert "job b1 of task count failed: it ran longer than its timeout of 0:00:02\n" in capsys.readouterr().err


class Quoted(Step):
    """A task that takes from a quota, and launches nothing where there is no room."""

    def __init__(self, quota: ResourceManager, done: InProcessMetadataRepository, cpu: int) -> None:
        super().__init__("quoted", done, self._body)
        self.quota = quota
        self.cpu = Decimal(cpu)
        self.ran: list[str] = []
        self.link("input", InProcessMetadataRepository({"a": 1}), is_input=True)

    async def _body(self, job: str) -> None:
        self.ran.append(job)

    @override
    async def launch(self, job: str) -> None:
        if await self.quota.reserve(Resources(self.cpu, Decimal(0), 1)) is None:
            await super().launch(job)


@pytest.mark.parametrize(("cpu", "reason"), [(3, "than the whole quota allows"), (2, "no room for it at present")])
async def test_a_job_that_a_quota_refuses_is_not_said_to_be_launched(
    cpu: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    quota = ResourceManager(Resources.parse(2, 0, 10))
    await quota.reserve(Resources(Decimal(1), Decimal(0), 1))
    task = Quoted(quota, InProcessMetadataRepository(), cpu)
    assert await launch(Pipeline([task], Session(), [quota]), "quoted", "a", sync=False, meta=True, force=False) == 1
    assert reason in capsys.readouterr().err
    assert task.ran == []
    task.cpu = Decimal(1)
    assert await launch(Pipeline([task], Session(), [quota]), "quoted", "a", sync=False, meta=True, force=False) == 0
    assert task.ran == ["a"]


async def test_a_launch_that_fails_is_the_callers_to_handle(lib: Library) -> None:
    class Failing(Step):
        @override
        async def launch(self, job: str) -> None:
            raise ConnectionError("no cluster")

    task = Failing("t", InProcessMetadataRepository(), lib.count.body)
    task.link("books", lib.books, is_input=True)
    with pytest.raises(ConnectionError, match="no cluster"):
        await launch(Pipeline([task], Session()), "t", "b1", sync=False, meta=True, force=False)


@pytest.mark.requirement("cli.error-unknown-name", "cli.user-errors")
async def test_an_unknown_task_is_one_line(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await launch(lib.pipeline, "conut", "b1", sync=False, meta=True, force=True) == 2
    assert "has no task 'conut' (did you mean 'count'?); its tasks are: count, rank-all" in capsys.readouterr().err


async def test_a_disabled_task_can_be_launched_by_hand(lib: Library) -> None:
    lib.count.disabled = True
    assert await launch(lib.pipeline, "count", "b1", sync=False, meta=True, force=False) == 0
    assert lib.counts.data == {"b1": 3}
