"""Failures, retries, timeouts and cancellation of processes on a machine that is reached over SSH."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.process_bench import SH, ProcessBench, until
from pydatatask_core import Retry
from pydatatask_exec import SSHLinuxManager
from pydatatask_storage import InProcessMetadataRepository

if TYPE_CHECKING:
    import asyncssh

    from integration.ssh_server import SSHServer


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
