from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from process_outcomes import SOON, Fuse, OutcomeBench

from pydatatask_core.errors import DefinitionError
from pydatatask_core.outcomes.retry_policy import Retry, RetryRule
from pydatatask_exec import STDOUT
from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.outcome_recorder import failure_of

SH = "#!/bin/sh\n"
COUNTED = SH + "echo x >>{runs}; echo attempt {{{{attempt}}}} of {{{{job}}}}; echo why >&2; {rest}"
"""Each launch adds a line to a file, whatever becomes of it."""


def counted(directory: Path, rest: str) -> tuple[Path, str]:
    """A script, and the file with a line for each of its launches."""
    runs = directory / "runs"
    return runs, COUNTED.format(runs=runs, rest=rest)


def launches(runs: Path) -> int:
    return len(runs.read_text().splitlines())


def test_status_zero_is_success() -> None:
    assert failure_of(JobStatus(JobState.FINISHED, return_code=0)) is None


@pytest.mark.parametrize(
    ("status", "kind", "code", "summary"),
    [
        (JobStatus(JobState.FINISHED, return_code=3), "exit", 3, "its process ended with status 3"),
        (JobStatus(JobState.FINISHED, return_code=137), "exit", 137, "its process ended with status 137 (signal 9)"),
        (JobStatus(JobState.VANISHED), "interrupted", None, "its process is gone and has recorded no exit status"),
        (JobStatus(JobState.MISSING), "interrupted", None, "its directory is gone from the target"),
    ],
)
def test_the_kind_of_a_failure(status: JobStatus, kind: str, code: int | None, summary: str) -> None:
    failure = failure_of(status)
    assert failure is not None
    assert (failure.kind, failure.exit_code, failure.summary) == (kind, code, summary)


@pytest.mark.requirement("proc.failures", "proc.failed-output")
async def test_a_status_other_than_zero_is_a_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = datetime.now(UTC)
    bench = OutcomeBench(tmp_path, SH + "echo out; echo err >&2; exit 3", retry=None)
    reported: list[str] = []
    bench.task.failure_listener = lambda job, error: reported.append(f"{job}: {error}")
    await bench.run()
    record = bench.failures.data["job"]
    assert (bench.done.data, bench.pids.data, bench.leftovers) == ({}, {}, [])
    assert bench.stdout.data == {}
    assert bench.stderr.data == {"job": b"err\n"}
    assert record["return_code"] == 3
    assert before <= record["start_time"] <= record["end_time"] <= datetime.now(UTC)
    assert (record["kind"], record["attempt"], record["interruptions"]) == ("exit", 1, 0)
    assert record["stdout_tail"] == "out\n"
    assert "retry_at" not in record
    assert reported == ["job: its process ended with status 3"]
    logged = [message for message in caplog.messages if "ended with status" in message]
    assert logged == ["task work, job job: its process ended with status 3; it is not tried again"]


@pytest.mark.requirement("proc.failures")
async def test_success_is_recorded_with_the_number_of_the_attempt(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + "echo out; echo err >&2")
    await bench.run()
    record = bench.done.data["job"]
    assert (record["return_code"], record["attempt"]) == (0, 1)
    assert bench.failures.data == {}
    assert (bench.stdout.data, bench.stderr.data) == ({"job": b"out\n"}, {"job": b"err\n"})


@pytest.mark.requirement("proc.retry", "proc.attempt")
async def test_a_job_is_tried_again_until_it_succeeds(tmp_path: Path) -> None:
    runs, script = counted(tmp_path, "[ {{attempt}} = 3 ]")
    bench = OutcomeBench(tmp_path, script)
    await bench.run()
    record = bench.done.data["job"]
    assert record["attempt"] == launches(runs) == 3
    assert [entry["kind"] for entry in record["earlier"]] == ["exit", "exit"]
    assert bench.failures.data == {}
    assert bench.stdout.data == {"job": b"attempt 3 of job\n"}
    assert bench.stderr.data == {"job": b"why\n"}


@pytest.mark.requirement("proc.retry")
async def test_a_job_is_given_up_after_its_attempts(tmp_path: Path) -> None:
    runs, script = counted(tmp_path, "exit 9")
    bench = OutcomeBench(tmp_path, script)
    await bench.run()
    record = bench.failures.data["job"]
    assert record["attempt"] == launches(runs) == 3
    assert len(record["earlier"]) == 2
    assert record["stdout_tail"] == "attempt 3 of job\n"
    assert (bench.pids.data, bench.leftovers) == ({}, [])


async def test_rules_know_the_exit_status(tmp_path: Path) -> None:
    runs, script = counted(tmp_path, "exit 7")
    retry = Retry(attempts=5, delay=SOON, jitter=0, rules=[RetryRule(exit_code=7, then="give-up")])
    bench = OutcomeBench(tmp_path, script, retry=retry)
    await bench.run()
    assert bench.failures.data["job"]["attempt"] == launches(runs) == 1


@pytest.mark.requirement("proc.failures")
async def test_a_process_that_vanishes_is_interrupted_and_tried_again_free_of_charge(tmp_path: Path) -> None:
    # The script kills its supervisor and then itself, so that nobody records a status.
    runs, script = counted(tmp_path, "[ {{attempt}} = 2 ] || kill -KILL $PPID $$")
    bench = OutcomeBench(tmp_path, script, retry=Retry(attempts=1, delay=SOON, jitter=0))
    await bench.run()
    record = bench.done.data["job"]
    assert (record["attempt"], launches(runs)) == (2, 2)
    assert record["earlier"][0]["kind"] == "interrupted"


async def test_a_directory_that_is_gone_is_an_interruption(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + 'sleep 0.5; rm -rf "${PWD%/cwd}"', retry=None)
    await bench.run()
    record = bench.failures.data["job"]
    assert (record["kind"], record["attempt"]) == ("interrupted", 1)
    assert "stdout_tail" not in record


@pytest.mark.requirement("proc.failed-output")
async def test_the_end_of_a_large_output_is_kept(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + "yes ä | head -c 300001; exit 1", retry=None, stderr=STDOUT)
    await bench.run()
    tail = bench.failures.data["job"]["stdout_tail"]
    assert tail.endswith(("ä\nä\n�", "ä\nä\nä"))
    assert 1_000 < len(tail.encode()) <= 2_003
    assert not tail.startswith("�")
    assert bench.stdout.data == {}


async def test_a_job_that_is_launched_by_hand_after_its_success_and_fails_is_done_no_more(tmp_path: Path) -> None:
    runs, script = counted(tmp_path, "[ {{attempt}} = 1 ]")
    bench = OutcomeBench(tmp_path, script, retry=None)
    await bench.run()
    assert bench.done.data["job"]["attempt"] == 1
    async with bench.pipeline() as pipeline:
        bench.task.synchronous = True
        await bench.task.launch("job")
        del pipeline
    assert bench.done.data == {}
    assert bench.failures.data["job"]["attempt"] == launches(runs) == 2


@pytest.mark.requirement("outcome.misuse")
async def test_failures_need_a_record_of_successes(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="failures= needs done="):
        OutcomeBench(tmp_path, SH, done=None)


@pytest.mark.requirement("outcome.crash-safe", "proc.retry")
@pytest.mark.parametrize("last_succeeds", [True, False])
async def test_a_controller_that_dies_at_any_write_loses_and_doubles_no_attempt(
    tmp_path: Path, last_succeeds: bool
) -> None:
    rest = "[ $(wc -l <{runs}) = 3 ]" if last_succeeds else "exit 1"
    for writes in range(40):
        directory = tmp_path / str(writes)
        directory.mkdir()
        runs, script = counted(directory, rest.format(runs=directory / "runs"))
        first = OutcomeBench(directory, script, fuse=Fuse(writes))
        await first.run_until_dead()
        second = OutcomeBench(directory, script, before=first)
        await second.run()
        outcome = second.done.data if last_succeeds else second.failures.data
        assert (len(second.done.data), len(second.failures.data)) == ((1, 0) if last_succeeds else (0, 1))
        assert outcome["job"]["attempt"] == launches(runs) == 3
        assert (second.pids.data, second.leftovers) == ({}, [])
        if not first.fuse.blown.is_set():
            return
    pytest.fail("some run made more writes than any should")


async def test_the_wait_before_a_retry_is_kept(tmp_path: Path) -> None:
    runs, script = counted(tmp_path, "exit 1")
    bench = OutcomeBench(
        tmp_path, script, retry=Retry(attempts=2, delay=timedelta(hours=1), max_delay=timedelta(hours=1))
    )
    async with bench.pipeline() as pipeline:
        await pipeline.run(timeout=60, wait_for_retries=False)
    assert launches(runs) == 1
    record = bench.failures.data["job"]
    assert record["retry_at"] >= record["end_time"] + timedelta(hours=1)
