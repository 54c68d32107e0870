"""Two controllers see the same job end, and one of them is slow to record it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from process_doubles import until
from process_outcomes import FragileRecords, OutcomeBench
from typing_extensions import override

from pydatatask_exec.processes.job_status import JobStatus
from pydatatask_exec.processes.local.workspace import LocalWorkspace

SCRIPT = "#!/bin/sh\necho x >>{runs}\nuntil [ -e {go} ]; do sleep 0.02; done\n{rest}"


class HeldRecords(FragileRecords):
    """Records whose first write waits until it is let go."""

    def __init__(self, records: FragileRecords) -> None:
        super().__init__(records.data, records.fuse)
        self.is_about_to_write, self.may_write = asyncio.Event(), asyncio.Event()

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.is_about_to_write.set()
        await self.may_write.wait()
        await super().dump(job, data)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Is set once a controller has found that another one records a job."""
    event, take = asyncio.Event(), LocalWorkspace.take

    async def observed(
        self: LocalWorkspace, jobs: Mapping[str, str | None], outputs: Collection[str]
    ) -> dict[str, JobStatus]:
        found = await take(self, jobs, outputs)
        if len(found) < len(jobs):
            event.set()
        return found

    monkeypatch.setattr(LocalWorkspace, "take", observed)
    return event


@pytest.mark.requirement("proc.one-recorder", "proc.retry")
@pytest.mark.parametrize(("rest", "outcome"), [("exit 1", "failures"), ("[ {{attempt}} = 3 ]", "done")])
async def test_an_attempt_is_recorded_by_one_and_no_later_one_begins_before(
    tmp_path: Path, refused: asyncio.Event, rest: str, outcome: str
) -> None:
    runs, go = tmp_path / "runs", tmp_path / "go"
    script = SCRIPT.format(runs=runs, go=go, rest=rest)
    fast = OutcomeBench(tmp_path, script)
    held = HeldRecords(fast.failures)
    slow = OutcomeBench(tmp_path, script, before=fast, failures=held)
    async with slow.pipeline() as pipeline:
        slow_run = asyncio.create_task(pipeline.run(timeout=60))
        await until(lambda: runs.exists() and slow.pids.data)
        async with fast.pipeline() as other:
            await other.update()  # adopts the job
            go.touch()
            await held.is_about_to_write.wait()
            fast_run = asyncio.create_task(other.run(timeout=60))
            noticed = asyncio.create_task(refused.wait())
            await asyncio.wait([fast_run, noticed], return_when=asyncio.FIRST_COMPLETED)
            assert noticed.done()
            assert (fast.failures.data, fast.done.data, runs.read_text()) == ({}, {}, "x\n")
            held.may_write.set()
            await asyncio.gather(slow_run, fast_run)
    records: dict[str, dict[str, Any]] = {"failures": fast.failures.data, "done": fast.done.data}
    assert [name for name, data in records.items() if data] == [outcome]
    record = records[outcome]["job"]
    assert record["attempt"] == len(runs.read_text().splitlines()) == 3
    assert len(record["earlier"]) == 2
    assert (fast.pids.data, fast.leftovers) == ({}, [])


@pytest.mark.requirement("proc.one-recorder")
async def test_a_controller_that_is_closed_while_it_records_leaves_the_job_to_others(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, "#!/bin/sh\nexit 1", retry=None)
    held = HeldRecords(bench.failures)
    slow = OutcomeBench(tmp_path, "#!/bin/sh\nexit 1", before=bench, failures=held, retry=None)
    async with slow.pipeline() as pipeline:
        run = asyncio.create_task(pipeline.run(timeout=60))
        await held.is_about_to_write.wait()
        run.cancel()
        await asyncio.wait([run])
    await bench.run()
    assert bench.failures.data["job"]["attempt"] == 1
    assert (bench.pids.data, bench.leftovers) == ({}, [])
