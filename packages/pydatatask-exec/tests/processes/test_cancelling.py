from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from pathlib import Path

import pytest
from process_doubles import number_of, process_exists, until, until_async
from process_outcomes import OutcomeBench

from pydatatask_core.errors import DefinitionError
from pydatatask_core.pipeline import Pipeline
from pydatatask_exec.processes.local.process_sessions import session_members

SH = "#!/bin/sh\n"


async def stay_up(bench: OutcomeBench, pipeline: Pipeline) -> asyncio.Task[object]:
    """Run the pipeline until its job is live and recorded as such."""
    run = asyncio.create_task(pipeline.run(timeout=60))
    await until(lambda: bench.pids.data.keys() == {"job"})
    return run


async def members(pid: int) -> list[int]:
    return await asyncio.to_thread(session_members, pid)


async def has_members(pid: int, least: int) -> bool:
    return len(await members(pid)) >= least


def leader(bench: OutcomeBench) -> int:
    return number_of(bench.pids.data["job"]["pid"])


@pytest.mark.requirement("proc.cancel")
async def test_a_job_that_is_cancelled_ends_and_is_not_tried_again(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + "echo begun; sleep 1000 & wait")
    async with bench.pipeline() as pipeline:
        run = await stay_up(bench, pipeline)
        pid = leader(bench)
        await until_async(lambda: has_members(pid, 2))
        await bench.task.cancel("job")
        await run
    record = bench.failures.data["job"]
    assert (record["kind"], record["attempt"], "retry_at" in record) == ("cancelled", 1, False)
    assert (record["return_code"], record["stdout_tail"]) == (143, "begun\n")
    assert await members(pid) == []
    assert (bench.done.data, bench.pids.data, bench.leftovers) == ({}, {}, [])


@pytest.mark.requirement("proc.cancel")
async def test_what_ignores_the_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = SH + "trap '' TERM; (sleep 1000; sleep 1000) & sleep 1000; sleep 1000"
    bench = OutcomeBench(tmp_path, script, grace=timedelta(seconds=0.3))
    async with bench.pipeline() as pipeline:
        run = await stay_up(bench, pipeline)
        pid = leader(bench)
        await until_async(lambda: has_members(pid, 4))
        began = time.monotonic()
        await bench.task.cancel("job")
        await run
        assert time.monotonic() - began >= 0.3
    assert (bench.failures.data["job"]["kind"], bench.failures.data["job"]["return_code"]) == ("cancelled", 137)
    assert await members(pid) == []


async def test_a_child_that_outlives_the_first_process_holds_up_the_outcome_and_is_killed(tmp_path: Path) -> None:
    script = SH + "(trap '' TERM; exec sleep 1000) & sleep 1000; sleep 1000"
    bench = OutcomeBench(tmp_path, script, grace=timedelta(seconds=0.5))
    async with bench.pipeline() as pipeline:
        run = await stay_up(bench, pipeline)
        pid = leader(bench)
        await until_async(lambda: has_members(pid, 3))
        await bench.task.cancel("job")
        await until(lambda: not process_exists(pid))
        assert "end_time" not in bench.failures.data["job"]
        await run
    assert bench.failures.data["job"]["kind"] == "cancelled"
    assert await members(pid) == []


@pytest.mark.requirement("proc.cancel")
async def test_a_pipeline_that_takes_over_finds_the_request(tmp_path: Path) -> None:
    script = SH + "(trap '' TERM; exec sleep 1000) & sleep 1000; sleep 1000"
    first = OutcomeBench(tmp_path, script, grace=timedelta(seconds=60))
    async with first.pipeline() as pipeline:
        run = await stay_up(first, pipeline)
        pid = leader(first)
        await until_async(lambda: has_members(pid, 3))
        run.cancel()
        await asyncio.wait([run])
        await first.task.cancel("job")
        await until(lambda: not process_exists(pid))
    assert await members(pid)  # this pipeline has ended before the grace of the child
    second = OutcomeBench(tmp_path, script, before=first, grace=timedelta(seconds=0.3))
    await second.run()
    assert second.failures.data["job"]["kind"] == "cancelled"
    assert await members(pid) == []
    assert (second.pids.data, second.leftovers) == ({}, [])


async def test_another_process_may_ask(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + "sleep 1000")
    async with bench.pipeline() as pipeline:
        run = await stay_up(bench, pipeline)
        other = OutcomeBench(tmp_path, SH, before=bench)
        assert other.task.outcomes is not None
        await other.task.outcomes.request_cancellation("job", None)
        await run
    record = bench.failures.data["job"]
    assert (record["kind"], record["attempt"]) == ("cancelled", 1)


async def test_without_a_record_of_failures_nothing_can_be_cancelled(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH, failures=None, retry=None)
    async with bench.pipeline():
        with pytest.raises(DefinitionError, match="give it failures="):
            await bench.task.cancel("job")


@pytest.mark.requirement("proc.cancel", "outcome.exactly-one")
async def test_cancellations_at_random_instants_leave_one_outcome_each_and_no_process(tmp_path: Path) -> None:
    await cancel_at_random(tmp_path, 100, random.Random(14))


async def cancel_at_random(directory: Path, count: int, chance: random.Random) -> dict[str, int]:
    """Cancel many jobs, each at some instant of its life, and check what becomes of them."""
    jobs = tuple(f"job{number}" for number in range(count))
    script = SH + "sleep 0.6 & echo $$ >>{path}; wait"
    bench = OutcomeBench(directory, script.format(path=directory / "leaders"), jobs, cpu=40)
    async with bench.pipeline() as pipeline:
        run = asyncio.create_task(pipeline.run(timeout=300))
        waiting = list(jobs)
        while waiting and not run.done():
            await asyncio.sleep(chance.uniform(0.0, 0.02))
            live = [job for job in bench.task.claims() if job in waiting]
            for job in chance.sample(live, min(len(live), 2)):
                waiting.remove(job)
                await bench.task.cancel(job)
        await run
    outcomes = [(job in bench.done.data) + (job in bench.failures.data) for job in jobs]
    assert set(outcomes) == {1}
    kinds = [record["kind"] for record in bench.failures.data.values()]
    assert set(kinds) <= {"cancelled"}
    assert (bench.pids.data, bench.leftovers) == ({}, [])
    leaders = [int(line) for line in (await asyncio.to_thread((directory / "leaders").read_text)).split()]
    assert [pid for pid in leaders if await members(pid)] == []
    return {"cancelled": len(kinds), "done": len(bench.done.data), "launched": len(leaders)}
