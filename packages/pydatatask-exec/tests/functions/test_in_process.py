from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from exec_doubles import Records, pipeline
from typing_extensions import override

from pydatatask_core import Link
from pydatatask_core.errors import DefinitionError, MissingFunctionError
from pydatatask_exec import InProcessSyncTask


def make(func: Callable[..., Any], **repositories: Records) -> tuple[InProcessSyncTask, Records]:
    """A task around `func` with these links, the first of which is its input, and its `done` repository."""
    done = Records()
    task = InProcessSyncTask("count", done, func=func)
    for number, (name, repository) in enumerate(repositories.items()):
        task.link(name, repository, is_input=number == 0, is_output=number > 0)
    return task, done


async def succeed() -> None: ...


async def fail(job: str) -> None:
    raise ValueError(f"no {job}")


@pytest.mark.requirement("link.in-process-done")
def test_done_is_linked_as_documented() -> None:
    task, done = make(succeed)
    assert task.links == {"done": Link(done, is_status=True, inhibits_start=True, required_for_output=True)}
    assert task.done is done
    assert task.runs_in_process


@pytest.mark.requirement("func.decorator")
async def test_the_task_is_a_decorator_and_the_decorated_name_is_the_task() -> None:
    done = Records()

    @InProcessSyncTask("count", done)
    async def count(job: str) -> None: ...

    assert isinstance(count, InProcessSyncTask)
    await count.launch("j")
    assert done.data["j"]["result"] == "success"


@pytest.mark.requirement("func.decorator")
async def test_the_function_can_be_an_argument() -> None:
    task, done = make(succeed)
    await task.launch("j")
    assert done.data["j"]["result"] == "success"


def test_a_second_function_is_refused_rather_than_lost() -> None:
    task, _ = make(succeed)
    with pytest.raises(DefinitionError, match="task count has a function already"):
        task(succeed)


@pytest.mark.requirement("func.none")
async def test_without_a_function_validation_and_launch_say_so() -> None:
    task = InProcessSyncTask("count", Records())
    with pytest.raises(ValueError, match="task count has no function") as caught:
        await task.validate()
    assert isinstance(caught.value, MissingFunctionError)
    with pytest.raises(MissingFunctionError):
        await task.launch("j")


@pytest.mark.requirement("func.unknown-parameter")
async def test_a_misspelt_parameter_keeps_the_pipeline_from_being_opened() -> None:
    task, _ = make(lambda job, boks: None, books=Records())
    with pytest.raises(NameError, match="boks"):
        async with pipeline(task):
            pass


@pytest.mark.requirement("func.bound-job", "func.bound-links")
async def test_a_pipeline_runs_the_function_over_its_links() -> None:
    source, target = Records({"a": 1, "b": 2}), Records()

    async def double(job: str, source: Records, target: Records) -> None:
        await target.dump(job, 2 * await source.info(job))

    task, done = make(double, source=source, target=target)
    async with pipeline(task) as opened:
        await opened.update()
    assert target.data == {"a": 2, "b": 4}
    assert done.data.keys() == {"a", "b"}


@pytest.mark.requirement("pipeline.validate-repositories-each")
async def test_a_link_made_between_two_openings_is_bound_at_the_second() -> None:
    seen: list[object] = []
    task, _ = make(lambda job, extra=None: seen.append(extra), source=Records({"a": 1}))
    pipe = pipeline(task)
    async with pipe:
        await task.launch("a")
    extra = Records()
    task.link("extra", extra)
    async with pipe:
        await task.launch("a")
    assert seen == [None, extra]


@pytest.mark.requirement("func.record-success", "func.record-times")
async def test_the_record_of_a_success() -> None:
    task, done = make(succeed)
    before = datetime.now(UTC)
    await task.launch("j")
    record = done.data["j"]
    assert list(record) == ["result", "start_time", "end_time"]
    assert before <= record["start_time"] <= record["end_time"] <= datetime.now(UTC)
    assert record["start_time"].utcoffset() == record["end_time"].utcoffset() == timedelta(0)


@pytest.mark.requirement("func.record-exception", "func.record-times")
async def test_the_record_of_an_exception() -> None:
    task, done = make(fail)
    await task.launch("j")
    record = done.data["j"]
    assert list(record) == ["result", "start_time", "end_time", "exception", "traceback"]
    assert record["result"] == "exception"
    assert record["exception"] == "ValueError('no j')"
    (frame,) = record["traceback"]
    assert "in fail\n" in frame
    assert 'raise ValueError(f"no {job}")' in frame
    assert record["end_time"].utcoffset() == timedelta(0)


@pytest.mark.requirement("func.exception-goes-on")
async def test_a_function_that_raises_stops_neither_the_pipeline_nor_other_jobs() -> None:
    async def odd(job: str) -> None:
        if job == "b":
            raise KeyError(job)

    task, done = make(odd, source=Records({"a": 1, "b": 2, "c": 3}))
    async with pipeline(task) as opened:
        await opened.run()
    assert {job: record["result"] for job, record in done.data.items()} == {
        "a": "success",
        "b": "exception",
        "c": "success",
    }


class OwnBaseException(BaseException):
    """As some test runners and cancel scopes have them."""


@pytest.mark.requirement("func.system-exit")
@pytest.mark.parametrize("error", [SystemExit(3), OwnBaseException(), StopIteration(), asyncio.CancelledError()])
@pytest.mark.parametrize("plain", [False, True])
async def test_whatever_else_is_raised_counts_as_the_jobs_exception(error: BaseException, plain: bool) -> None:
    async def raises() -> None:
        raise error

    def raises_in_a_thread() -> None:
        raise error

    task, done = make(raises_in_a_thread if plain else raises)
    await task.launch("j")
    assert done.data["j"]["result"] == "exception"


@pytest.mark.requirement("func.system-exit")
@pytest.mark.parametrize("plain", [False, True])
async def test_ctrl_c_passes_and_leaves_no_record(plain: bool) -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    def interrupted_in_a_thread() -> None:
        raise KeyboardInterrupt

    task, done = make(interrupted_in_a_thread if plain else interrupted)
    with pytest.raises(KeyboardInterrupt):
        await task.launch("j")
    assert done.data == {}


async def test_a_coroutine_that_is_thrown_away_ends_quietly() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    task, done = make(waits)
    launch = task.launch("j")
    launch.send(None)
    launch.close()
    assert done.data == {}


@pytest.mark.requirement("func.plain-in-thread")
async def test_a_plain_function_runs_in_a_thread() -> None:
    threads: list[str] = []
    task, done = make(lambda job: threads.append(threading.current_thread().name))
    await task.launch("j")
    assert threads
    assert threads[0].startswith("pydatatask-function")
    assert done.data["j"]["result"] == "success"


async def test_more_plain_functions_run_at_a_time_than_the_loops_own_pool_has_threads() -> None:
    together = threading.Barrier(64, timeout=60)
    task, done = make(lambda job: together.wait())
    async with asyncio.TaskGroup() as group:
        for number in range(64):
            group.create_task(task.launch(f"j{number}"))
    assert {record["result"] for record in done.data.values()} == {"success"}


async def test_a_plain_function_sees_the_context_of_its_launch() -> None:
    variable = ContextVar("variable", default="unset")
    seen: list[str] = []
    task, _ = make(lambda: seen.append(variable.get()))
    variable.set("set")
    await task.launch("j")
    assert seen == ["set"]


async def test_a_plain_wrapper_of_a_coroutine_function_is_awaited() -> None:
    seen: list[str] = []

    async def inner(job: str) -> None:
        await asyncio.sleep(0)
        seen.append(job)
        raise ValueError(job)

    @functools.wraps(inner)
    def wrapper(**arguments: Any) -> Awaitable[None]:
        return inner(**arguments)

    task, done = make(wrapper)
    await task.launch("j")
    assert seen == ["j"]
    assert done.data["j"]["exception"] == "ValueError('j')"


@pytest.mark.requirement("func.metadata-off", "pipeline.settings-metadata")
@pytest.mark.parametrize("func", [succeed, fail])
async def test_with_metadata_off_nothing_is_recorded(
    func: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    task, done = make(func, source=Records({"j": 1}))
    pipe = pipeline(task)
    pipe.settings(metadata=False)
    async with pipe:
        await pipe.update()
    assert done.data == {}
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert bool(errors) is (func is fail)


async def test_a_failure_is_logged_with_task_and_job_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    task, _ = make(fail)
    failures: list[tuple[str, BaseException]] = []
    task.failure_listener = lambda job, error: failures.append((job, error))
    await task.launch("j")
    assert "task count, job j: the function raised ValueError('no j')" in caplog.text
    assert [(job, str(error)) for job, error in failures] == [("j", "no j")]


async def test_a_success_is_not_reported_as_a_failure() -> None:
    task, _ = make(succeed)
    failures: list[str] = []
    task.failure_listener = lambda job, error: failures.append(job)
    await task.launch("j")
    assert failures == []


@pytest.mark.requirement("func.record-after-outputs")
async def test_outputs_are_there_before_completion_is_recorded_and_announced() -> None:
    events: list[object] = []

    class Noting(Records):
        @override
        async def dump(self, job: str, data: Any) -> None:
            events.append(self)
            await super().dump(job, data)

    class Announcing(InProcessSyncTask):
        @override
        def completed(self, job: str) -> None:
            events.append(job)

    done, source, target = Noting(), Records({"j": 1}), Noting()
    task = Announcing("copy", done)
    task.link("source", source, is_input=True)
    task.link("target", target, is_output=True)

    @task
    async def copy(job: str, source: Records, target: Records) -> None:
        await target.dump(job, await source.info(job))

    await task.launch("j")
    assert events == [target, done, "j"]


async def test_a_record_that_cannot_be_written_is_a_failed_launch() -> None:
    class Full(Records):
        @override
        async def dump(self, job: str, data: Any) -> None:
            raise OSError("no space left on device")

    task = InProcessSyncTask("count", Full(), func=succeed)
    with pytest.raises(OSError, match="no space"):
        await task.launch("j")


async def test_there_is_never_anything_live_to_look_after() -> None:
    task, _ = make(succeed)
    assert await task.update() is False


def test_a_ready_repository_can_be_given() -> None:
    ready = Records()
    assert InProcessSyncTask("count", Records(), ready).ready is ready
