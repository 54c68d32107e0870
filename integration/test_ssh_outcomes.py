"""Failures, retries, timeouts and cancellation of processes on a machine that is reached over SSH."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from integration.process_bench import SH, ProcessBench, until
from pydatatask_core import Pipeline, ResourceManager, Resources, Retry, Session
from pydatatask_exec import ProcessTask, SSHLinuxManager
from pydatatask_exec.processes.ssh.workspace import SSHWorkspace
from pydatatask_storage import InProcessMetadataRepository

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncssh

    from integration.ssh_server import SSHServer
    from pydatatask_exec.processes.job_status import JobStatus


class OutcomeBench(ProcessBench):
    """A process task on the target that records failures."""

    def __init__(self, manager: SSHLinuxManager, script: str, jobs: tuple[str, ...] = ("job",), **options: Any) -> None:
        self.failures = InProcessMetadataRepository()
        super().__init__(lambda: manager, script, jobs, failures=self.failures, **options)

    def failure(self, job: str = "job") -> Mapping[str, Any]:
        record: Mapping[str, Any] = self.failures.data[job]
        return record


@pytest.fixture
def manager(ssh_server: SSHServer, ssh_connection: asyncssh.SSHClientConnection, tmp_path: Path) -> SSHLinuxManager:
    place = tmp_path / "targets" if ssh_server.is_local else Path(f"/tmp/pydatatask-test-{uuid.uuid4().hex}")
    return SSHLinuxManager("app", lambda: ssh_connection, place, kill_grace=1.0)


async def works_there(connection: asyncssh.SSHClientConnection, name: str) -> str:
    """What runs on the target in an environment with this name in it."""
    answer = await connection.run(f"grep -al MARK={name} /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3", check=False)
    return str(answer.stdout).strip()


@pytest.mark.requirement("proc.retry", "proc.attempt", "proc.failed-output")
async def test_failed_jobs_are_tried_again(manager: SSHLinuxManager) -> None:
    jobs = tuple(f"job{number}" for number in range(20))
    script = SH + "echo {{attempt}}; [ {{attempt}} = 3 ] || exit 5"
    bench = OutcomeBench(manager, script, jobs, retry=Retry(attempts=3, delay=timedelta(0), jitter=0))
    await bench.run()
    assert bench.failures.data == {}
    assert {record["attempt"] for record in bench.done.data.values()} == {3}
    assert {len(record["earlier"]) for record in bench.done.data.values()} == {2}
    assert set(bench.stdout.data.values()) == {b"3\n"}
    assert bench.pids.data == {}


@pytest.mark.requirement("proc.timeout")
async def test_a_job_that_takes_too_long_is_ended_by_its_launcher(
    manager: SSHLinuxManager, ssh_connection: asyncssh.SSHClientConnection
) -> None:
    mark = uuid.uuid4().hex
    script = SH + "echo begun; (trap '' TERM; exec sleep 1000) & sleep 1000; sleep 1000"
    limits: dict[str, Any] = {"timeout": timedelta(seconds=1), "grace": timedelta(seconds=0.5)}
    bench = OutcomeBench(manager, script, environ={"MARK": mark}, **limits)
    await bench.run()
    record = bench.failure()
    assert (record["kind"], record["return_code"], record["stdout_tail"]) == ("timeout", 143, "begun\n")
    assert await works_there(ssh_connection, mark) == ""


@pytest.mark.requirement("proc.timeout")
async def test_the_time_is_up_even_if_nobody_is_connected(
    manager: SSHLinuxManager, ssh_connection: asyncssh.SSHClientConnection
) -> None:
    mark = uuid.uuid4().hex
    bench = OutcomeBench(manager, SH + "sleep 1000", environ={"MARK": mark}, timeout=timedelta(seconds=1))
    async with bench.pipeline():
        await bench.task.launch("job")
    assert await works_there(ssh_connection, mark) != ""
    await asyncio.sleep(2.0)
    assert await works_there(ssh_connection, mark) == ""
    await bench.run()
    assert (bench.failure()["kind"], bench.failure()["return_code"]) == ("timeout", 143)


@pytest.mark.requirement("proc.cancel")
@pytest.mark.parametrize("timeout", [None, timedelta(seconds=600)])
async def test_a_job_that_is_cancelled_ends_with_all_its_processes(
    manager: SSHLinuxManager, ssh_connection: asyncssh.SSHClientConnection, timeout: timedelta | None
) -> None:
    mark = uuid.uuid4().hex
    script = SH + "(trap '' TERM; exec sleep 1000) & sleep 1000; sleep 1000"
    limits: dict[str, Any] = {"timeout": timeout, "grace": timedelta(seconds=0.5)}
    bench = OutcomeBench(manager, script, environ={"MARK": mark}, **limits)
    async with bench.pipeline() as pipeline:
        run = asyncio.create_task(pipeline.run(timeout=60))
        await until(lambda: bench.pids.data)
        await asyncio.sleep(0.5)
        assert await works_there(ssh_connection, mark) != ""
        await bench.task.cancel("job")
        await run
    record = bench.failure()
    assert (record["kind"], record["return_code"]) == ("cancelled", 143)
    assert await works_there(ssh_connection, mark) == ""


class HeldRecords(InProcessMetadataRepository):
    """Records whose first write waits until it is let go."""

    def __init__(self, before: InProcessMetadataRepository) -> None:
        super().__init__()
        self.data = before.data
        self.is_about_to_write, self.may_write = asyncio.Event(), asyncio.Event()

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.is_about_to_write.set()
        await self.may_write.wait()
        await super().dump(job, data)


class Stores:
    """What any number of controllers use."""

    def __init__(self, script: str) -> None:
        self.inputs = InProcessMetadataRepository({"job": {}})
        self.pids, self.done, self.failures = (InProcessMetadataRepository() for _ in range(3))
        self._script = script

    def controller(self, manager: SSHLinuxManager, failures: InProcessMetadataRepository) -> Pipeline:
        quota = ResourceManager(Resources.parse(1, 1))
        task = ProcessTask(
            "work",
            lambda: manager,
            quota,
            Resources.parse(1, 1),
            self.pids,
            self._script,
            done=self.done,
            failures=failures,
            retry=Retry(attempts=3, delay=timedelta(0), jitter=0),
        )
        task.link("inputs", self.inputs, is_input=True)
        return Pipeline([task], Session(), [quota], retry_seconds=0.05)


@pytest.mark.requirement("proc.one-recorder", "proc.retry")
@pytest.mark.parametrize("is_lost", [False, True])
async def test_an_attempt_is_recorded_by_one_controller_and_no_later_one_begins_before(
    ssh_server: SSHServer, manager: SSHLinuxManager, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    refused, take = asyncio.Event(), SSHWorkspace.take

    async def observed(
        self: SSHWorkspace, jobs: Mapping[str, str | None], outputs: Collection[str]
    ) -> dict[str, JobStatus]:
        found = await take(self, jobs, outputs)
        if len(found) < len(jobs):
            refused.set()
        return found

    monkeypatch.setattr(SSHWorkspace, "take", observed)
    stores = Stores(SH + f"until [ -e {manager.basedir}.go ]; do sleep 0.05; done; exit 1")
    held = HeldRecords(stores.failures)
    async with await ssh_server.connect() as connection, stores.controller(manager, stores.failures) as fast:
        slow_manager = SSHLinuxManager("app", lambda: connection, manager.basedir.parent, kill_grace=1.0)
        async with stores.controller(slow_manager, held) as slow:
            slow_run = asyncio.create_task(slow.run(timeout=60))
            await until(lambda: stores.pids.data)
            await fast.update()  # adopts the job
            await connection.run(f"touch {manager.basedir}.go")
            await held.is_about_to_write.wait()
            fast_run = asyncio.create_task(fast.run(timeout=60))
            noticed = asyncio.create_task(refused.wait())
            await asyncio.wait([fast_run, noticed], return_when=asyncio.FIRST_COMPLETED)
            assert noticed.done()
            assert (stores.failures.data, stores.done.data) == ({}, {})
            if is_lost:  # then its shell is gone, and the other one may go on
                slow_run.cancel()
                await asyncio.wait([slow_run])
                connection.close()
                await fast_run
            else:
                held.may_write.set()
                await asyncio.gather(slow_run, fast_run)
    record = stores.failures.data["job"]
    assert (record["attempt"], [entry["attempt"] for entry in record["earlier"]]) == (3, [1, 2])
    assert (stores.done.data, stores.pids.data) == ({}, {})
