from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta

import pytest
from core_doubles import Records
from core_outcome_tasks import FakeClock

from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.outcomes.launch_origin import SchedulerWorker, scheduler_worker
from pydatatask_core.outcomes.recorder import Outcomes
from pydatatask_core.outcomes.repair import OutcomeRepair
from pydatatask_core.outcomes.retry_policy import Retry

EXIT = JobFailure("exit", "it ended with status 1", exit_code=1)
RETRY = Retry(attempts=2, delay=timedelta(seconds=10), jitter=0.0)
ENDED = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = {"start_time": ENDED, "end_time": ENDED}


def outcomes(retry: Retry | None = RETRY) -> Outcomes:
    return Outcomes("a", Records(), Records(), retry, FakeClock())


def stored(repository: object) -> dict[str, dict[str, object]]:
    assert isinstance(repository, Records)
    return repository.data


async def test_a_failure_is_recorded_with_its_attempt_and_the_time_of_the_next() -> None:
    these = outcomes()
    attempt = await these.begin("j")
    assert attempt is not None
    await these.fail("j", RECORD, EXIT, attempt)
    these.end("j")
    assert stored(these.failures)["j"] == {
        **RECORD,
        "kind": "exit",
        "summary": "it ended with status 1",
        "attempt": 1,
        "interruptions": 0,
        "retry_at": ENDED + timedelta(seconds=10),
        "claim": attempt.claim,
    }


async def test_a_success_after_failures_keeps_their_history_and_takes_their_place() -> None:
    these, claims = outcomes(), []
    for failure in (EXIT, None):
        attempt = await these.begin("j")
        assert attempt is not None
        claims.append(attempt.claim)
        if failure is None:
            await these.succeed("j", RECORD, attempt)
        else:
            await these.fail("j", RECORD, failure, attempt)
        these.end("j")
    done = stored(these.done)["j"]
    assert done["attempt"] == 2
    assert done["earlier"] == [
        {"attempt": 1, "claim": claims[0], "kind": "exit", "summary": "it ended with status 1", **RECORD}
    ]
    assert not stored(these.failures)


async def test_that_another_attempt_has_begun_here_is_recorded_before_it_runs() -> None:
    these = outcomes()
    first = await these.attempt_of("j", "one")
    await these.fail("j", RECORD, EXIT, first)
    second = await these.begin("j")
    assert second is not None
    record = stored(these.failures)["j"]
    assert (record["attempt"], record["claim"], "retry_at" in record) == (2, second.claim, False)
    assert record["started"] == ENDED
    assert await these.held_back.contains("j")


@pytest.mark.requirement("outcome.crash-safe")
async def test_a_failure_of_the_same_claim_is_recorded_once() -> None:
    these = outcomes()
    for _ in range(3):
        attempt = await these.attempt_of("j", "process 7")
        await these.fail("j", RECORD, EXIT, attempt)
    assert stored(these.failures)["j"]["attempt"] == 1
    assert (await these.attempt_of("j", "process 8")).number == 2


@pytest.mark.requirement("outcome.crash-safe")
@pytest.mark.parametrize("later", [EXIT, None], ids=["failed", "succeeded"])
async def test_a_controller_that_is_late_changes_nothing_about_a_job_that_has_had_another_attempt(
    later: JobFailure | None,
) -> None:
    these = outcomes()
    await these.fail("j", RECORD, EXIT, await these.attempt_of("j", "pod 1"))
    second = await these.attempt_of("j", "pod 2")
    await (these.succeed("j", RECORD, second) if later is None else these.fail("j", RECORD, later, second))
    before = dict(stored(these.done)), dict(stored(these.failures))
    late = await these.attempt_of("j", "pod 1")
    assert (late.number, late.is_recorded, late.is_superseded) == (1, True, True)
    assert (await these.fail("j", RECORD, EXIT, late)).attempt == 1
    await these.succeed("j", RECORD, late)
    assert (stored(these.done), stored(these.failures)) == before
    assert not (await these.attempt_of("j", "pod 2")).is_superseded


async def test_a_failure_takes_the_place_of_the_success_of_an_earlier_launch() -> None:
    these = outcomes()
    await these.succeed("j", RECORD, await these.attempt_of("j", "process 7"))
    attempt = await these.attempt_of("j", "process 8")
    assert attempt.number == 2
    await these.fail("j", RECORD, EXIT, attempt)
    assert not stored(these.done)
    assert stored(these.failures)["j"]["attempt"] == 2


async def test_the_scheduler_does_not_launch_what_has_to_wait_and_a_person_may() -> None:
    these = outcomes()
    await these.fail("j", RECORD, EXIT, await these.attempt_of("j", "process 7"))
    by_hand = await these.next_attempt("j", "process 8")
    assert by_hand is not None
    assert by_hand.number == 2
    token = scheduler_worker.set(SchedulerWorker("work", None, {}))
    try:
        assert await these.next_attempt("j", "process 8") is None
        assert isinstance(these.clock, FakeClock)
        these.clock.move(10)
        again = await these.next_attempt("j", "process 8")
        assert again is not None
        assert again.number == 2
    finally:
        scheduler_worker.reset(token)


async def test_no_more_than_the_last_earlier_attempts_are_kept() -> None:
    these = outcomes(Retry(attempts=100))
    for number in range(15):
        await these.fail("j", RECORD, EXIT, await these.attempt_of("j", f"process {number}"))
    earlier = stored(these.failures)["j"]["earlier"]
    assert isinstance(earlier, list)
    assert [entry["attempt"] for entry in earlier] == list(range(6, 15))


async def test_a_request_to_cancel_becomes_the_outcome_of_the_attempt_that_it_names() -> None:
    these = outcomes()
    await these.request_cancellation("j", "process 7")
    request = stored(these.failures)["j"]
    assert "end_time" not in request
    assert await these.cancellations({"j": "process 7"}) == {"j"}
    assert await these.cancellations({"j": "process 8"}) == set()
    assert await these.cancellations({"other": "process 7"}) == set()
    attempt = await these.attempt_of("j", "process 7")
    await these.fail("j", RECORD, JobFailure("exit", "killed", exit_code=-15), attempt)
    record = stored(these.failures)["j"]
    assert (record["kind"], record["attempt"], "retry_at" in record) == ("cancelled", 1, False)
    assert await these.cancellations({"j": "process 7"}) == set()


async def test_a_success_that_came_first_wins_over_a_request_to_cancel() -> None:
    these = outcomes()
    await these.request_cancellation("j", "process 7")
    await these.succeed("j", RECORD, await these.attempt_of("j", "process 7"))
    assert not stored(these.failures)
    assert stored(these.done)["j"]["attempt"] == 1


async def test_a_request_without_a_claim_is_about_whatever_runs() -> None:
    these = outcomes()
    await these.request_cancellation("j", None)
    assert await these.cancellations({"j": "process 7"}) == {"j"}
    await these.fail("j", RECORD, EXIT, await these.attempt_of("j", "process 7"))
    record = stored(these.failures)["j"]
    assert (record["kind"], record["attempt"], record["claim"]) == ("cancelled", 1, "process 7")


async def test_a_process_that_has_succeeded_cannot_be_cancelled_any_more() -> None:
    these = outcomes()
    await these.succeed("j", RECORD, await these.attempt_of("j", "process 7"))
    await these.request_cancellation("j", "process 7")
    assert not stored(these.failures)
    await these.request_cancellation("j", "process 8")
    assert stored(these.failures)["j"]["attempt"] == 2


async def test_a_request_without_a_claim_that_comes_just_after_a_success_is_dropped() -> None:
    these = outcomes()
    await these.succeed("j", RECORD, await these.attempt_of("j", "process 7"))
    await these.request_cancellation("j", None)

    async def nobody(jobs: AbstractSet[str]) -> AbstractSet[str]:
        return set()

    repair = OutcomeRepair(these, nobody)
    assert [await repair.look(), await repair.look()] == [set(), {"j"}]
    assert not stored(these.failures)
    assert stored(these.done)["j"]["attempt"] == 1


async def test_a_request_in_the_place_of_a_record_that_was_read_before_is_found() -> None:
    these = outcomes()
    await these.fail("j", RECORD, EXIT, await these.attempt_of("j", "process 7"))
    other = Outcomes("a", these.done, these.failures, RETRY, these.clock)
    await other.request_cancellation("j", "process 8")
    assert stored(these.failures)["j"]["attempt"] == 2
    assert await these.cancellations({"j": "process 8"}) == {"j"}
    await these.fail("j", RECORD, EXIT, await these.attempt_of("j", "process 8"))
    record = stored(these.failures)["j"]
    assert (record["kind"], record["attempt"]) == ("cancelled", 2)


@pytest.mark.requirement("outcome.crash-safe")
async def test_a_success_of_the_same_claim_is_recorded_again_as_it_was() -> None:
    these = outcomes()
    await these.fail("j", RECORD, EXIT, await these.attempt_of("j", "process 7"))
    for _ in range(2):
        await these.succeed("j", RECORD, await these.attempt_of("j", "process 8"))
        done = stored(these.done)["j"]
        assert (done["attempt"], done["claim"]) == (2, "process 8")
        assert isinstance(done["earlier"], list)
        assert [entry["attempt"] for entry in done["earlier"]] == [1]


async def test_an_attempt_that_is_withdrawn_does_not_count() -> None:
    these = outcomes()
    await these.fail("j", RECORD, EXIT, await these.attempt_of("j", "one"))
    before = dict(stored(these.failures)["j"])
    attempt = await these.begin("j")
    assert attempt is not None
    await these.withdraw("j", attempt)
    assert stored(these.failures)["j"] == before
    assert not these.in_flight
    again = await these.begin("j")
    assert again is not None
    assert again.number == attempt.number


async def test_a_request_to_cancel_outlives_an_attempt_that_is_withdrawn() -> None:
    these = outcomes()
    await these.fail("j", RECORD, EXIT, await these.attempt_of("j", "one"))
    attempt = await these.begin("j")
    assert attempt is not None
    await these.request_cancellation("j", attempt.claim)
    await these.withdraw("j", attempt)
    assert stored(these.failures)["j"]["kind"] == "cancelled"
    first = await these.begin("k")
    assert first is not None
    await these.withdraw("k", first)
    assert "k" not in stored(these.failures)
    assert not these.in_flight
