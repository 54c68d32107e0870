from __future__ import annotations

import logging
import time
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from exec_doubles import Records
from process_doubles import Bench, until
from typing_extensions import override

from pydatatask_core import Resources

SH = "#!/bin/sh\n"
WAITING = SH + "echo begun > ../../../../begun-{{job}}; while [ ! -e ../../../../go ]; do sleep 0.02; done"
JOBS = tuple(f"job{number:03}" for number in range(40))


def release(bench: Bench) -> None:
    (bench.manager.basedir.parent / "go").touch()


@pytest.mark.requirement("quota.stays-ready", "quota.warned-once", "names.task-warned")
async def test_no_more_jobs_run_than_the_quota_admits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(tmp_path, WAITING, JOBS, cpu=3)
    async with bench.pipeline() as pipeline:
        for _ in range(3):
            caplog.clear()
            assert await pipeline.update()
            assert len(bench.pids.data) == 3
            warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
            assert len(warnings) == 1
            assert bench.task.warned
        bench.task.warned = False
        assert not bench.task.warned
        release(bench)
        await pipeline.run(timeout=60)
    assert bench.done.data.keys() == set(JOBS)


@pytest.mark.requirement("quota.restart")
async def test_a_restarted_pipeline_counts_what_is_live(tmp_path: Path) -> None:
    first = Bench(tmp_path, WAITING, JOBS, cpu=3)
    async with first.pipeline() as pipeline:
        await pipeline.update()
    second = Bench(tmp_path, WAITING, JOBS, cpu=3)
    second.pids.data = first.pids.data
    async with second.pipeline() as pipeline:
        await pipeline.update_only_launch()
        await pipeline.update()
        assert len(second.pids.data) == 3
        release(second)
        await pipeline.run(timeout=60)
    assert second.done.data.keys() == set(JOBS)


class Unreachable(Records):
    """Records in a store that cannot be reached for a while."""

    is_down = False

    @override
    async def keys(self) -> AbstractSet[str]:
        if self.is_down:
            raise ConnectionRefusedError
        return await super().keys()


@pytest.mark.requirement("quota.restart")
async def test_what_is_live_is_counted_although_its_records_could_not_be_read_at_first(tmp_path: Path) -> None:
    first = Bench(tmp_path, WAITING, JOBS, cpu=3)
    async with first.pipeline() as pipeline:
        await pipeline.update()
    pids = Unreachable(first.pids.data)
    second = Bench(tmp_path, WAITING, JOBS, cpu=3, pids=pids)
    async with second.pipeline() as pipeline:
        pids.is_down = True
        assert await second.quota.reserve(Resources.parse(0, 0)) is None  # it is not known that there is more in use
        pids.is_down = False
        (waiting, *_) = JOBS[3:]
        await second.task.launch(waiting)
        assert waiting not in pids.data
        release(second)
        await pipeline.run(timeout=60)
    assert second.done.data.keys() == set(JOBS)


@pytest.mark.requirement("quota.launches-per-window", "quota.completed-keeps-launch", "resources.one-launch")
async def test_finished_jobs_count_as_launches_within_the_window(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH, JOBS, launches=4)
    async with bench.pipeline() as pipeline:
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            await pipeline.update()
    assert len(bench.done.data) == 4


async def test_launches_are_admitted_again_once_the_window_has_passed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH, JOBS[:10], launches=4, window=timedelta(seconds=0.3))
    begin = time.monotonic()
    await bench.run()
    assert len(bench.done.data) == 10
    assert time.monotonic() - begin >= 0.6


@pytest.mark.requirement("quota.launches-counted-here")
async def test_after_a_restart_live_jobs_count_as_launches(tmp_path: Path) -> None:
    first = Bench(tmp_path, WAITING, JOBS[:10], launches=4)
    async with first.pipeline() as pipeline:
        await pipeline.update()
    second = Bench(tmp_path, WAITING, JOBS[:10], launches=4)
    second.pids.data = first.pids.data
    later = Bench(tmp_path, WAITING, JOBS[:10], launches=4, window=timedelta(seconds=1))
    later.pids.data = {
        job: record | {"start_time": datetime.now(UTC) - timedelta(seconds=2)}
        for job, record in first.pids.data.items()
    }
    async with second.pipeline() as pipeline:
        await pipeline.update()
        assert len(second.pids.data) == 4
    async with later.pipeline() as pipeline:
        await pipeline.update()
        assert len(later.pids.data) == 8
        release(later)
        await pipeline.run(timeout=60)


async def test_a_launch_that_fails_gives_back_what_it_had_reserved(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "{{ missing }}", ("bad",), cpu=1, launches=1)
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        assert bench.pids.data == {}
        await bench.quota.flush()
        assert await bench.quota.reserve(Resources.parse(1, 1, 1)) is None
    assert bench.leftovers == []


@pytest.mark.requirement("quota.round-cost")
async def test_a_round_behind_a_full_quota_renders_and_stages_only_what_it_launches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = tuple(f"job{number:05}" for number in range(5000))
    bench = Bench(tmp_path, WAITING, jobs, cpu=4)
    offered: list[str] = []
    reserve = bench.quota.reserve

    async def counting(request: Resources) -> object:
        offered.append("")
        return await reserve(request)

    monkeypatch.setattr(bench.quota, "reserve", counting)
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        assert len(bench.pids.data) == 4
        assert len(offered) < 40
        offered.clear()
        await pipeline.update()
        assert len(offered) < 40
        release(bench)
        for job in jobs[4:]:
            del bench.inputs.data[job]
        await pipeline.run(timeout=60)
    await until(lambda: bench.leftovers == [])
