from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

import pytest
from core_doubles import Blobs, Records
from core_tasks import Recording
from typing_extensions import override

from pydatatask_core.errors import DefinitionError
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.blocked import blocked_jobs
from pydatatask_core.tasks.links import Link
from pydatatask_core.tasks.plug_plan import When
from pydatatask_core.tasks.task import Task

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FINAL = {"kind": "exit", "attempt": 1, "end_time": NOW}
WAITS = FINAL | {"retry_at": NOW}


class Failing(Recording):
    """A task that records failures, which the test writes."""

    def __init__(self, name: str, done: Records | None = None, failures: Records | None = None) -> None:
        super().__init__(name)
        self.made = Records(name=f"what {name} makes")
        self.failures = failures or Records(name=f"failures of {name}")
        self.record_failures(done or self.done, self.failures)
        self.link("made", self.made, is_output=True)


class Names(Records):
    """A translator, which has an info also for a job that it does not contain."""

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return await super().contained(jobs) - {"hidden"}


async def ready(task: Task) -> set[str]:
    return set(await task.ready.keys())


@pytest.mark.requirement("outcome.links")
async def test_a_failure_keeps_its_job_from_starting_here_and_downstream() -> None:
    a, b = Failing("a"), Failing("b")
    a.link("input", Records(["one", "two"]), is_input=True)
    b.plug(a)
    a.made.data = {"one": 1, "two": 2}
    a.done.data = {"one": {}, "two": {}}
    assert (await ready(a), await ready(b)) == (set(), {"one", "two"})
    a.done.data = {"one": {}}
    a.failures.data = {"two": FINAL}
    assert (await ready(a), await ready(b)) == (set(), {"one"})
    assert b.inhibits_start["a_failures"] is a.failures
    assert b.links.keys() == {"done", "failures", "made", "a_done", "a_made", "a_failures"}
    assert a.links["failures"].is_failure
    assert a.links["failures"].is_status


@pytest.mark.requirement("outcome.links")
async def test_downstream_of_failures_starts_what_failed_for_good_and_downstream_of_finished_everything() -> None:
    a, on_failure, on_finish = Failing("a"), Failing("b"), Failing("c")
    on_failure.plug(a, when="failure")
    on_finish.plug(a, when="finished")
    on_finish.plug(a, when="finished")
    a.made.data = {"done": 1, "half": 2}
    a.done.data = {"done": {}}
    a.failures.data = {"failed": FINAL, "waits": WAITS, "half": FINAL}
    assert await ready(on_failure) == {"failed", "half"}
    assert await ready(on_finish) == {"failed", "done", "half"}
    assert on_failure.input == {"a_made": a.made}
    assert not on_failure.links["a_made"].required_for_start


@pytest.mark.requirement("outcome.links")
async def test_a_given_ready_does_not_launch_what_has_failed() -> None:
    class Given(Recording):
        def __init__(self) -> None:
            super().__init__("a", Records(["one", "two"]))
            self.record_failures(self.done, Records({"two": FINAL}))

    assert await ready(Given()) == {"one"}


@pytest.mark.requirement("outcome.blocked")
async def test_what_is_blocked_follows_from_the_failures_further_up() -> None:
    a, b, c, d = (Failing(name) for name in "abcd")
    translator = Names({"total": "one", "other": "two", "wrong": 7, "hidden": "one"})
    b.plug(a)
    c.plug(b, translator=translator)
    d.plug(a, when="finished")
    a.failures.data = {"one": FINAL, "two": WAITS, "three": FINAL}
    b.done.data, b.made.data = {"three": {}}, {"three": {}}
    async with Pipeline([c, b, a, d], Session()) as pipeline:
        cause = "job one of a has failed"
        assert await pipeline.blocked() == {"a": {}, "b": {"one": cause}, "c": {"total": cause}, "d": {}}
        assert await pipeline.failures() == {"a": {"one", "three"}, "b": set(), "c": set(), "d": set()}
        a.failures.data = {}
        assert not any((await pipeline.blocked()).values())


@pytest.mark.requirement("outcome.blocked")
async def test_a_job_that_has_failed_by_itself_is_not_blocked_as_well() -> None:
    a, b = Failing("a"), Failing("b")
    b.plug(a)
    a.failures.data = {"one": FINAL, "two": FINAL, "three": FINAL}
    b.failures.data = {"one": FINAL, "two": WAITS}
    assert {task: sorted(jobs) for task, jobs in (await blocked_jobs([a, b])).items()} == {"a": [], "b": ["three"]}


@pytest.mark.requirement("outcome.misuse")
def test_what_cannot_work_is_refused_when_a_task_is_defined() -> None:
    class Task(Recording):
        def __init__(self, done: Records | None, failures: Any, retry: Any = None) -> None:
            super().__init__("a")
            self.record_failures(done, failures, retry)

    both = Records()
    with pytest.raises(DefinitionError, match=r"task a: retry= needs failures="):
        Task(both, None, Retry())
    with pytest.raises(DefinitionError, match=r"task a: failures= needs done="):
        Task(None, both)
    with pytest.raises(DefinitionError, match="done and failures are the same repository"):
        Task(both, both)
    with pytest.raises(
        DefinitionError, match="failures must be a repository of records, not an object of type Blobs; write"
    ):
        Task(both, Blobs())
    with pytest.raises(
        DefinitionError, match=r"failures must be one repository, not a tuple of them; .* done, failures ="
    ):
        Task(both, (both, Records()))
    with pytest.raises(DefinitionError, match=r"task a: retry is 3; write a policy, such as Retry\(attempts=3\)"):
        Task(both, Records(), 3)
    a, b = Recording("a"), Recording("b")
    cases: list[tuple[When, bool, str]] = [
        ("failure", True, "a records no failures"),
        ("finished", False, "leave out meta=False"),
    ]
    for when, meta, message in cases:
        with pytest.raises(DefinitionError, match=message):
            b.plug(a, meta=meta, when=when)
    assert b.plugs == []
    with pytest.raises(DefinitionError, match="is not known; write one of success, finished, failure"):
        b.plug(a, when="always")  # type: ignore[arg-type]


@pytest.mark.requirement("outcome.misuse")
@pytest.mark.parametrize("shared", ["failures", "done"])
async def test_failures_in_a_place_of_another_task_are_refused(shared: str) -> None:
    class Placed(Records):
        def __init__(self) -> None:
            super().__init__(name="Records at /data")

    a = Failing("a", failures=Placed())
    plain = Recording("plain")
    b = Failing("b", failures=Placed()) if shared == "failures" else Failing("b")
    if shared == "done":
        b.link("more", Placed(), is_status=True)
    with pytest.raises(DefinitionError, match=r"its failures are in the same place as \w\.\w+ \(Records at /data\)"):
        await Pipeline([plain, a, b], Session()).open()


async def test_failures_in_repositories_that_do_not_tell_their_places_are_not_mixed_up() -> None:
    failures = [Records(), Records()]
    assert failures[0].describe() == failures[1].describe() == "Records"
    async with Pipeline([Failing("a", failures=failures[0]), Failing("b", failures=failures[1])], Session()):
        pass


@pytest.mark.requirement("outcome.misuse")
async def test_cancelling_a_job_that_would_start_again_is_refused() -> None:
    with pytest.raises(DefinitionError, match="records no failures, so a cancelled job would start again"):
        await Recording("a").cancel("j")


async def test_a_request_to_cancel_is_recorded_where_whatever_controls_the_job_finds_it() -> None:
    a = Failing("a")
    await a.cancel("j")
    assert a.failures.data["j"]["kind"] == "cancelled"
    assert "end_time" not in a.failures.data["j"]


class Controlling(Failing):
    """Controls two live jobs."""

    def __init__(self, done: Records, failures: Records) -> None:
        super().__init__("a", done, failures)
        self.stopped: list[str] = []

    @override
    def claims(self) -> Mapping[str, str | None]:
        return {"j": "claim", "other": "claim"}

    @override
    async def stop(self, job: str) -> None:
        self.stopped.append(job)


async def test_a_job_that_is_to_be_cancelled_is_stopped_by_the_task_that_controls_it() -> None:
    elsewhere = Failing("a")
    here = Controlling(elsewhere.done, elsewhere.failures)
    await here.settle()
    assert here.stopped == []
    await elsewhere.cancel("j")
    await here.settle()
    assert here.stopped == ["j"]


async def test_without_metadata_nothing_is_repaired() -> None:
    a = Failing("a")
    a.done.data, a.failures.data = {"j": {"attempt": 1}}, {"j": FINAL | {"attempt": 2}}
    a.metadata = False
    assert [await a.settle() for _ in range(3)] == [False] * 3
    assert a.done.data
    a.metadata = True
    assert [await a.settle() for _ in range(3)] == [True, True, False]
    assert not a.done.data


async def test_reading_what_another_fills_without_waiting_for_it_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    a, gated, plugged, open_ = Failing("a"), Recording("gated"), Recording("plugged"), Recording("open")
    plugged.plug(a)
    for task in (gated, open_):
        task.link("made", a.made, is_input=True)
    a.links["done"] = Link(a.done, is_status=True, required_for_output=True)
    gated.link("after", a.done, required_for_start=True)
    a.link("made_before", a.made, is_input=True, required_for_start=False)
    finished, other, writer = Recording("finished"), Recording("other"), Recording("writer")
    finished.plug(a, when="finished")
    other.given("x")
    writer.link("made", a.made, is_output=True)
    async with Pipeline([a, gated, plugged, open_, finished, other, writer], Session()):
        warnings = [line for line in caplog.messages if "does not wait for a" in line]
        assert [line.split(",")[0] for line in warnings] == ["task open reads made"]
        assert warnings[0].endswith("write open.plug(a) in place of the link")
