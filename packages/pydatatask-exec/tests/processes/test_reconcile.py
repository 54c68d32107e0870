"""A pipeline that takes up what another one has left behind, at each point where that may have ended."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from exec_doubles import Records
from process_doubles import Bench, number_of, process_exists, stranger, supervisor_of, until, until_async
from typing_extensions import override

from pydatatask_core import Pipeline
from pydatatask_core.errors import BrokenRecordError
from pydatatask_exec.processes.identity import ProcessIdentity, boot_id
from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.local.supervised_job import SupervisedJob
from pydatatask_exec.processes.local.supervisor_connection import Answer
from pydatatask_exec.processes.local.workspace import LocalWorkspace
from pydatatask_exec.processes.records import completion_record
from pydatatask_exec.processes.workspace import IsWanted, Order

SH = "#!/bin/sh\n"
COUNTING = SH + "echo run >> ../../../../runs; read x < ../../../../fifo; echo over"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    os.mkfifo(tmp_path / "targets.fifo")
    bench = Bench(tmp_path, COUNTING)
    (tmp_path / "targets").mkdir(0o700)
    os.rename(tmp_path / "targets.fifo", tmp_path / "targets" / "fifo")
    return bench


def runs(bench: Bench) -> int:
    path = bench.manager.basedir.parent / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def release(bench: Bench) -> None:
    """Let all jobs that wait go on, and those that will wait."""
    descriptor = os.open(bench.manager.basedir.parent / "fifo", os.O_RDWR)
    os.write(descriptor, b"x\n" * 20)


async def started(bench: Bench) -> ProcessIdentity:
    """Start a job as a pipeline does that then ends before it has recorded anything."""
    workspace = await bench.manager.workspace("work")
    pid = await workspace.start(Order("job", COUNTING, stdout=True))
    assert pid is not None
    identity = ProcessIdentity.parse(pid)
    assert identity is not None
    await workspace.close()
    return identity


def assert_all_is_well(bench: Bench, times: int = 1) -> None:
    assert runs(bench) == times
    assert bench.done.data["job"]["return_code"] == 0
    assert bench.stdout.data == {"job": b"over\n"}
    assert (bench.pids.data, bench.leftovers) == ({}, [])


@pytest.mark.requirement("proc.killed-pipeline")
async def test_a_job_that_runs_without_a_record_is_taken_over(bench: Bench) -> None:
    identity = await started(bench)
    await until(lambda: runs(bench) == 1)
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        await pipeline.update()
        assert number_of(bench.pids.data["job"]["pid"]) == identity.pid
        assert abs((bench.pids.data["job"]["start_time"] - datetime.now(UTC)).total_seconds()) < 60
        release(bench)
        await pipeline.run(timeout=20)
    assert_all_is_well(bench)


async def test_a_job_that_ended_without_a_record_is_reaped(bench: Bench) -> None:
    release(bench)
    identity = await started(bench)
    await until(lambda: not process_exists(identity.pid))
    await bench.run()
    assert_all_is_well(bench)


async def test_a_job_with_a_record_is_taken_over_by_the_next_pipeline(bench: Bench) -> None:
    async with bench.pipeline() as pipeline:
        await pipeline.update()
    await until(lambda: runs(bench) == 1)
    start = bench.pids.data["job"]["start_time"]
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        release(bench)
        await pipeline.run(timeout=20)
    assert_all_is_well(bench)
    assert bench.done.data["job"]["start_time"] == start


@pytest.mark.parametrize("identity", [None, "", "revoked\n", "taken back\n"])
async def test_a_claim_whose_launcher_has_not_begun_is_revoked(bench: Bench, identity: str | None) -> None:
    directory = bench.manager.basedir / "work" / "job"
    (directory / "cwd").mkdir(parents=True, mode=0o700)
    if identity is not None:
        (directory / "pid").write_text(identity)
        os.utime(directory / "pid", (1, 1))
    release(bench)
    async with bench.pipeline() as pipeline:
        await pipeline.run(timeout=20)
    assert_all_is_well(bench)


async def test_a_job_that_is_claimed_is_not_started_again(bench: Bench) -> None:
    release(bench)
    identity = await started(bench)
    await until(lambda: not process_exists(identity.pid))
    workspace = await bench.manager.workspace("work")
    assert await workspace.start(Order("job", COUNTING, stdout=True)) is None
    await workspace.close()
    await bench.run()
    assert_all_is_well(bench)


async def test_a_claim_that_was_abandoned_halfway_is_cleared_without_another_record(bench: Bench) -> None:
    retired = bench.manager.basedir / ".work.reaped" / "job.1234"
    retired.mkdir(parents=True, mode=0o700)
    (retired / "return_code").write_text("1\n")
    record = {"return_code": 0, "start_time": datetime.now(UTC), "end_time": datetime.now(UTC)}
    bench.done.data["job"] = record
    bench.pids.data["job"] = {"pid": f"1:2.00:{boot_id()}", "start_time": record["start_time"]}
    await bench.run()
    assert bench.done.data == {"job": record}
    assert (bench.pids.data, bench.leftovers, runs(bench)) == ({}, [], 0)


async def test_a_claim_that_another_pipeline_gave_up_is_dropped_without_another_record(bench: Bench) -> None:
    release(bench)
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        record = dict(bench.pids.data["job"])
        await pipeline.run(timeout=20)
        done = dict(bench.done.data["job"])
        bench.pids.data["job"] = record  # as another pipeline may still see it
    async with bench.pipeline() as pipeline:
        await pipeline.run(timeout=20)
    assert bench.done.data["job"] == done
    assert bench.pids.data == {}


async def test_a_job_that_another_pipeline_has_recorded_and_this_one_had_seen_begin_later_is_not_recorded_as_gone(
    bench: Bench,
) -> None:
    begin = datetime.now(UTC)
    seen, end = begin + timedelta(seconds=0.05), begin + timedelta(seconds=0.1)
    record = {"return_code": 0, "start_time": begin, "end_time": end}
    bench.done.data["job"] = record
    bench.pids.data["job"] = {"pid": f"1:2.00:{boot_id()}", "start_time": seen}
    await bench.run()
    assert bench.done.data == {"job": record}
    assert (bench.pids.data, bench.leftovers, runs(bench)) == ({}, [], 0)


async def test_a_job_that_another_pipeline_reaps_at_the_same_time_keeps_its_output(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(bench)
    directory = bench.manager.basedir / "work" / "job"
    inspect = LocalWorkspace.inspect

    async def inspect_too_late(
        self: LocalWorkspace, jobs: Mapping[str, str | None], outputs: Collection[str]
    ) -> dict[str, JobStatus]:
        statuses = await inspect(self, jobs, outputs)
        if statuses["job"].state is JobState.FINISHED:
            bench.stdout.data["job"] = statuses["job"].outputs["stdout"]
            bench.done.data["job"] = completion_record(bench.pids.data["job"]["start_time"], statuses["job"])
            del bench.pids.data["job"]
            await asyncio.to_thread(shutil.rmtree, directory)
            return {"job": statuses["job"]._replace(outputs={})}
        return statuses

    async with bench.pipeline() as pipeline:
        await pipeline.update()
        monkeypatch.setattr(LocalWorkspace, "inspect", inspect_too_late)
        await pipeline.run(timeout=20)
    assert_all_is_well(bench)


@pytest.mark.requirement("proc.pid-reused", "proc.vanished")
async def test_a_process_id_that_is_used_again_is_not_taken_for_the_job(bench: Bench) -> None:
    directory = bench.manager.basedir / "work" / "job"
    (directory / "cwd").mkdir(parents=True, mode=0o700)
    with stranger() as other:
        earlier = ProcessIdentity(other.pid, ProcessIdentity.now(other.pid).seen - 100, boot_id())
        (directory / "pid").write_text(f"{earlier}\n")
        (directory / "stdout").write_text("half")
        bench.pids.data["job"] = {"pid": str(earlier), "start_time": datetime.now(UTC)}
        await bench.run()
        assert other.poll() is None
    assert bench.done.data["job"]["return_code"] is None
    assert bench.stdout.data == {"job": b"half"}
    assert (bench.pids.data, bench.leftovers, runs(bench)) == ({}, [], 0)


@pytest.mark.requirement("proc.vanished")
async def test_a_job_of_an_earlier_start_of_the_machine_is_recorded_as_failed(bench: Bench) -> None:
    bench.pids.data["job"] = {"pid": f"{os.getpid()}:999999.00:earlier", "start_time": datetime.now(UTC)}
    await bench.run()
    assert bench.done.data["job"]["return_code"] is None
    assert "directory is gone" in bench.done.data["job"]["reason"]
    assert (bench.pids.data, runs(bench)) == ({}, 0)


@pytest.mark.requirement("proc.vanished")
async def test_what_still_runs_of_a_job_whose_directory_is_gone_is_ended_before_it_is_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "exec sleep 1000")
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        process = number_of(bench.pids.data["job"]["pid"])
        await until(lambda: b"sleep" in Path(f"/proc/{process}/cmdline").read_bytes())
    shutil.rmtree(bench.manager.basedir / "work" / "job")
    await bench.run()
    assert not process_exists(process)
    assert "directory is gone" in bench.done.data["job"]["reason"]


async def test_a_pipeline_that_cannot_record_what_is_live_lets_go_of_everything_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(job: str, data: object) -> None:
        raise OSError("the store is down")

    with monkeypatch.context() as patch:
        patch.setattr(bench.pids, "dump", refuse)
        async with bench.pipeline() as pipeline:
            while not bench.leftovers:
                with pytest.raises(TimeoutError):
                    await pipeline.run(timeout=0.3)
    supervisor = supervisor_of(bench.manager.basedir / "work" / "job")
    assert bench.leftovers == [str(bench.manager.basedir / "work" / "job")]
    release(bench)
    await until(lambda: not process_exists(supervisor))
    await bench.run()
    assert_all_is_well(bench)


async def test_a_kill_that_was_cut_short_is_finished(bench: Bench) -> None:
    identity = await started(bench)
    await until(lambda: runs(bench) == 1)
    (bench.manager.basedir / "work" / "job" / "forgotten").touch()
    bench.inputs.data.clear()
    await bench.run()
    assert not process_exists(identity.pid)
    assert (bench.done.data, bench.pids.data, bench.leftovers) == ({}, {}, [])


async def test_a_job_that_is_just_being_started_can_be_killed(bench: Bench) -> None:
    identity = await started(bench)
    await until(lambda: runs(bench) == 1)
    marks = bench.manager.basedir / "work" / "job" / "pid"
    both = marks.read_text()
    marks.write_text(both.splitlines(keepends=True)[0])  # as it is before the supervisor has named the process
    bench.inputs.data.clear()
    async with bench.pipeline():
        forgetting = asyncio.create_task(bench.task.forget("pids", "job"))
        await asyncio.sleep(0.1)
        assert not forgetting.done()
        marks.write_text(both)
        await forgetting
    assert not process_exists(identity.pid)
    assert (bench.done.data, bench.pids.data, bench.leftovers) == ({}, {}, [])


async def test_what_another_process_kills_is_dropped_by_a_running_pipeline(bench: Bench) -> None:
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        other = Bench(bench.manager.basedir.parent.parent, COUNTING)
        other.pids.data = bench.pids.data
        await other.task.forget("pids", "job")
        assert bench.pids.data == {}
        bench.inputs.data.clear()
        await pipeline.run(timeout=20)
    assert (bench.done.data, bench.pids.data, bench.leftovers) == ({}, {}, [])


async def test_inputs_that_a_pipeline_had_staged_are_removed_once_it_is_gone(bench: Bench) -> None:
    staged = bench.manager.basedir / ".work.staged"
    staged.mkdir(parents=True, mode=0o700)
    mine, gone = str(ProcessIdentity.now(os.getpid())), f"1:0.01:{boot_id()}x"
    for name in (f"job@{mine}", f".job@{mine}.0123.tmp", f"job@{gone}", f".other@{gone}.0123.tmp"):
        (staged / name).touch()
    async with bench.pipeline():
        assert sorted(path.name for path in staged.iterdir()) == sorted([f"job@{mine}", f".job@{mine}.0123.tmp"])


async def test_a_record_that_could_not_be_written_is_written_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(job: str, data: object) -> None:
        raise OSError("the store is down")

    async with bench.pipeline() as pipeline:
        with monkeypatch.context() as patch:
            patch.setattr(bench.pids, "dump", refuse)
            await pipeline.update()
            await until(lambda: runs(bench) == 1)
            assert bench.pids.data == {}
        await pipeline.update_only_launch()
        assert "job" in bench.pids.data
        release(bench)
        await pipeline.run(timeout=20)
    assert_all_is_well(bench)


async def test_an_outcome_that_cannot_be_stored_is_kept_and_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(job: str, data: object) -> None:
        raise OSError("the store is down")

    bench.inputs.data["other"] = {}
    release(bench)
    async with bench.pipeline() as pipeline:
        with monkeypatch.context() as patch:
            patch.setattr(bench.done, "dump", refuse)
            await pipeline.update()
            await until_async(lambda: _refused(pipeline, caplog))
        assert bench.pids.data.keys() == {"job", "other"}
        await pipeline.run(timeout=20)
    assert bench.done.data.keys() == {"job", "other"}
    assert runs(bench) == 2
    assert bench.leftovers == []


async def _refused(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> bool:
    await pipeline.update_only_update()
    return sum("could not be recorded" in message for message in caplog.messages) >= 2


async def test_a_process_that_somebody_kills_is_recorded_truthfully(bench: Bench) -> None:
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        await until(lambda: runs(bench) == 1)
        os.kill(number_of(bench.pids.data["job"]["pid"]), signal.SIGKILL)
        await pipeline.run(timeout=20)
        release(bench)
    assert bench.done.data["job"]["return_code"] == 128 + signal.SIGKILL


@pytest.mark.requirement("pipeline.one-process")
async def test_under_two_pipelines_each_job_runs_once(tmp_path: Path) -> None:
    jobs = tuple(f"job{number:02}" for number in range(40))
    script = SH + "echo {{job}} >> ../../../../runs; sleep 0.05; echo {{job}}"
    first, second = (Bench(tmp_path, script, jobs, cpu=6) for _ in range(2))
    for name in ("inputs", "pids", "done", "stdout", "stderr"):
        getattr(second, name).data = getattr(first, name).data
    await asyncio.gather(first.run(), second.run())
    ran = (first.manager.basedir.parent / "runs").read_text().split()
    assert sorted(ran) == list(jobs)
    assert {record["return_code"] for record in first.done.data.values()} == {0}
    assert first.stdout.data == {job: f"{job}\n".encode() for job in jobs}
    assert (first.pids.data, first.leftovers) == ({}, [])


@pytest.mark.requirement("run.timeout-leaves-alone")
async def test_a_run_whose_time_is_up_leaves_processes_alone(bench: Bench) -> None:
    async with bench.pipeline() as pipeline:
        while not runs(bench):  # a busy machine may need more time than one such run has
            with pytest.raises(TimeoutError):
                await pipeline.run(timeout=0.5)
    assert runs(bench) == 1
    assert process_exists(number_of(bench.pids.data["job"]["pid"]))
    release(bench)
    await bench.run()
    assert_all_is_well(bench)


@pytest.mark.requirement("run.cancel-elsewhere")
async def test_a_cancelled_run_lets_processes_run_on(bench: Bench) -> None:
    async def go() -> None:
        async with bench.pipeline() as pipeline:
            await pipeline.run()

    running = asyncio.create_task(go())
    await until(lambda: runs(bench) == 1 and "job" in bench.pids.data)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert process_exists(number_of(bench.pids.data["job"]["pid"]))
    release(bench)
    await bench.run()
    assert_all_is_well(bench)


class Broken(Records):
    """Records of which one cannot be read."""

    @override
    async def info(self, job: str) -> Any:
        if job == "broken":
            raise BrokenRecordError("the record of job 'broken' is no valid YAML; mend it or delete it")
        return await super().info(job)


async def test_a_claim_that_cannot_be_read_is_reported_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path, "echo out", pids=Broken({"broken": "["}))
    await bench.run()
    assert bench.done.data["job"]["return_code"] == 0
    assert "a claim is left out of account: the record of job 'broken' is no valid YAML" in caplog.text
    async with bench.pipeline():
        await bench.task.forget("pids", "broken")


async def test_a_kill_is_not_recorded_by_a_pipeline_that_updates_before_the_record_is_deleted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        await until(lambda: runs(bench) == 1)
        other = Bench(bench.manager.basedir.parent.parent, COUNTING)
        other.pids.data = bench.pids.data
        delete = other.pids.delete

        async def delete_late(job: str) -> None:
            monkeypatch.undo()
            await pipeline.update_only_update()
            await delete(job)

        monkeypatch.setattr(other.pids, "delete", delete_late)
        await other.task.forget("pids", "job")
        await pipeline.update_only_update()
        assert (bench.done.data, bench.pids.data) == ({}, {})


async def test_a_launch_that_finishes_after_the_target_was_listed_is_not_taken_for_a_job_that_was_reaped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, launched = asyncio.Event(), asyncio.Event()
    list_jobs, start = LocalWorkspace.jobs, LocalWorkspace.start

    async def list_slowly(self: LocalWorkspace) -> set[str]:
        found = await list_jobs(self)
        listed.set()
        await asyncio.wait_for(launched.wait(), 20)
        return found

    async def start_late(self: LocalWorkspace, order: Order, is_wanted: IsWanted | None = None) -> str | None:
        await asyncio.wait_for(listed.wait(), 20)
        return await start(self, order, is_wanted)

    async with bench.pipeline():
        jobs = await bench.task._open()
        await jobs.adopt()
        monkeypatch.setattr(LocalWorkspace, "jobs", list_slowly)
        monkeypatch.setattr(LocalWorkspace, "start", start_late)
        launch = asyncio.create_task(bench.task.launch("job"))
        await asyncio.sleep(0)
        jobs._reconciler.interval.expedite()
        reconciling = asyncio.create_task(jobs._reconcile_if_due())
        await launch
        launched.set()
        await reconciling
        assert await jobs.is_live("job")
        monkeypatch.undo()
        await bench.task.forget("pids", "job")


async def test_a_job_whose_launch_was_cancelled_as_it_began_counts_against_the_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, SH + "sleep 1000", ("a", "b"), cpu=1)
    receive = SupervisedJob.receive
    has_begun = asyncio.Event()

    def receive_late(self: SupervisedJob, answer: Answer) -> None:
        has_begun.set()
        asyncio.get_running_loop().call_later(0.5, receive, self, answer)

    async with bench.pipeline():
        with monkeypatch.context() as patch:
            patch.setattr(SupervisedJob, "receive", receive_late)
            launch = asyncio.create_task(bench.task.launch("a"))
            await has_begun.wait()
            launch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await launch
        await bench.task.launch("b")
        jobs = await bench.task._open()
        assert (await jobs.is_live("a"), await jobs.is_live("b")) == (True, False)
        await asyncio.sleep(0.6)
        await bench.task.forget("pids", "a")
