"""A pipeline and a supervisor of neighbouring versions finish each other's jobs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from process_doubles import until

from pydatatask_exec.processes.local import supervisor_spawning
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.local.supervisor.protocol import Claim, Request, no_more_requests
from pydatatask_exec.processes.workspace import Order

SH = "#!/bin/sh\n"
OLD_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from supervisor import program, protocol
protocol.HELLO = program.HELLO = b"no such ticket"  # as version 1, which knows of no versions
program.main()
"""


async def wanted() -> bool:
    return True


@pytest.mark.requirement("proc.upgrade")
async def test_an_old_supervisor_runs_the_jobs_of_a_new_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_spawning, "_PROGRAM", OLD_PROGRAM)
    monkeypatch.setenv("OLD", "yes")
    manager = LocalLinuxManager("app", tmp_path)
    workspaces = [await manager.workspace("work") for _ in range(2)]  # two, so that jobs are reserved
    for number, workspace in enumerate(workspaces):
        order = Order(f"job{number}", SH + "cat; exit 3", b"input", stdout=True)
        pid = await workspace.start(order, wanted)
        assert pid is not None
        ended = asyncio.Event()
        assert workspace.watch(pid, ended.set, lambda: None)
        await asyncio.wait_for(ended.wait(), 20)
        directory = tmp_path / "app" / "work" / order.job
        assert (directory / "return_code").read_text().split() == ["3"]
        assert (directory / "stdout").read_bytes() == b"input"
    for workspace in workspaces:
        await workspace.close()


@pytest.mark.requirement("proc.upgrade")
def test_a_new_supervisor_runs_the_jobs_of_an_old_pipeline(tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    job = tmp_path / "job"
    claim = Claim(bytes(job), bytes(tmp_path / "staging"), b"#!/bin/sh\nexit 4\n", None, b"")
    request = Request(b"7", bytes(job / "cwd"), bytes(job / "return_code"), (b"",) * 3, [bytes(job / "exe")], [], claim)
    pid, (requests, answers) = supervisor_spawning.spawn({b"PATH": b"/bin"})
    try:
        os.write(requests, request.encode(1) + no_more_requests())
        received = b""
        while block := os.read(answers, 4096):
            received += block
    finally:
        os.close(requests)
        os.close(answers)
        os.waitpid(pid, 0)
    assert [line.split()[:2] for line in received.splitlines()] == [[b"7", b"started"], [b"7", b"ended"]]
    assert (job / "return_code").read_text().split() == ["4"]


@pytest.mark.requirement("proc.upgrade")
async def test_a_claim_of_an_old_pipeline_is_adopted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = await LocalLinuxManager("app", tmp_path).workspace("work")
    pid = await workspace.start(Order("job", SH + "sleep 1000"))
    assert pid is not None
    marks = tmp_path / "app" / "work" / "job" / "pid"
    supervisor, _, process = marks.read_text().splitlines()
    marks.write_text("".join(line.partition("+")[0] + "\n" for line in (supervisor, process)))
    old = process.partition("+")[0]
    (status,) = (await workspace.inspect({"job": old}, ())).values()
    assert (status.state.value, status.pid) == ("running", old)
    await workspace.kill("job", old)
    await until(lambda: (tmp_path / "app" / "work" / "job" / "return_code").read_text().strip() == "143")
    await workspace.close()
