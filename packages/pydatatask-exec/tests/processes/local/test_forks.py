"""Processes that user code forks: they share our pipes, and must neither stop a supervisor nor hide its death."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

EXITING = """
import asyncio, os, sys
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.workspace import Order

async def tick():
    while True:
        await asyncio.sleep(0.05)  # the forked loop takes from ours what would wake it

async def main():
    ticking = asyncio.create_task(tick())
    workspace = await LocalLinuxManager("app", sys.argv[1]).workspace("work")
    await workspace.start(Order("long", "#!/bin/sh\\nsleep 1000"))
    child = os.fork()
    if child == 0:
        sys.exit(0)  # which runs the finalizers of this process
    os.waitpid(child, 0)
    await asyncio.wait_for(workspace.start(Order("short", "#!/bin/sh\\n")), 20)
    print("started", flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""

HOLDING = """
import asyncio, os, signal, sys, time
from pydatatask_exec.processes.local import supervisor_process
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.workspace import Order

spawn = os.posix_spawn
def spawn_and_fork(*args, **options):
    os.posix_spawn = spawn
    pid = spawn(*args, **options)
    if os.fork() == 0:  # as a pool of processes may in another thread; it holds both pipes open
        time.sleep(1000)
    return pid
os.posix_spawn = spawn_and_fork

async def main():
    workspace = await LocalLinuxManager("app", sys.argv[1]).workspace("work")
    pid = await workspace.start(Order("job", "#!/bin/sh\\nsleep 1000"))
    ended = asyncio.Event()
    workspace.watch(pid, ended.set, lambda: None)
    from pydatatask_exec.processes.local.supervisors import supervisors
    os.kill(supervisors()._processes[0].pid, signal.SIGKILL)
    await asyncio.wait_for(ended.wait(), 20)
    print("noticed", flush=True)

asyncio.run(main())
"""


async def line_of(script: str, directory: Path) -> bytes:
    """The first line that a script prints; all that it leaves is ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(directory), stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    try:
        return await asyncio.wait_for(process.stdout.readline(), 40)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
        for marks in (directory / "app" / "work").glob("*/pid"):
            pid = int(marks.read_text().splitlines()[-1].partition(":")[0])
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended already


async def test_a_forked_process_that_exits_leaves_the_supervisor_to_us(tmp_path: Path) -> None:
    assert await line_of(EXITING, tmp_path) == b"started\n"


async def test_the_death_of_a_supervisor_is_noticed_although_a_forked_process_holds_its_pipe(tmp_path: Path) -> None:
    assert await line_of(HOLDING, tmp_path) == b"noticed\n"
