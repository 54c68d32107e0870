"""A look at slow stores may find a job ready that was live when it began and is done by the time it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from exec_doubles import Records
from process_doubles import Bench, Blobs, BlobWriter, until
from typing_extensions import override

from pydatatask_core import Pipeline, Session, Task


class Gate:
    """Where somebody waits, once it is closed, until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self.opened.set()

    def close(self) -> None:
        self.reached.clear()
        self.opened.clear()

    async def passed(self) -> None:
        self.reached.set()
        await self.opened.wait()


class SlowRecords(Records):
    """Records that take long to be listed while the gate is closed."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        await self.gate.passed()
        async for job in super().unfiltered_iter():
            yield job


class SlowBlobs(Blobs):
    """Blobs that take long to be written while the gate is closed."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate

    @override
    async def open_writer(self, job: str) -> BlobWriter:
        await self.gate.passed()
        return await super().open_writer(job)


class Follower(Task):
    """Is looked at in the same rounds as the task before it, and has its completions listed at once."""

    @override
    async def update(self) -> bool:
        return False

    @override
    async def launch(self, job: str) -> None:
        done = self.links["done"].repo
        assert isinstance(done, Records)
        await done.dump(job, {})


@pytest.mark.requirement("proc.killed-pipeline")
async def test_a_job_that_is_reaped_while_a_look_waits_for_a_slow_store_is_not_run_again(tmp_path: Path) -> None:
    listing, writing, log = Gate(), Gate(), tmp_path / "log"
    bench = Bench(
        tmp_path, f"#!/bin/sh\necho {{{{job}}}} >>{log}", pids=SlowRecords(listing), stdout=SlowBlobs(writing)
    )
    async with bench.pipeline() as pipeline:
        await pipeline.update()
    ended = bench.manager.basedir / "work" / "job" / "return_code"
    await until(lambda: ended.exists() and ended.read_text().strip())  # without a pipeline

    follower = Follower("follower")
    follower.link("done_before", bench.done, required_for_start=True)
    follower.link("done", Records(), is_status=True, inhibits_start=True)
    writing.close()
    async with Pipeline([follower, bench.task], Session(), [bench.quota]) as pipeline:
        running = asyncio.create_task(pipeline.run(timeout=60))
        await asyncio.wait_for(writing.reached.wait(), 20)
        listing.close()
        await asyncio.wait_for(listing.reached.wait(), 20)  # the follower has had completions listed: there are none
        writing.opened.set()
        await until(lambda: "job" in bench.done.data and bench.pids.data == {})
        listing.opened.set()
        await running
    assert log.read_text() == "job\n"
