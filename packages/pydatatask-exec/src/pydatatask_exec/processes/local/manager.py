"""The process manager for this machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from typing_extensions import override

from pydatatask_core.concurrency.offload import offload
from pydatatask_core.errors import LaunchError
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.linux_manager import LinuxProcessManager
from pydatatask_exec.processes.local.base_directory import BaseDirectory, make_private
from pydatatask_exec.processes.local.files import LocalReader, LocalWriter
from pydatatask_exec.processes.local.process_sessions import is_alive
from pydatatask_exec.processes.local.supervisors import supervisors
from pydatatask_exec.processes.local.termination import end_session
from pydatatask_exec.processes.local.workspace import LocalWorkspace
from pydatatask_exec.processes.workspace import Workspace

__all__ = ["LocalLinuxManager"]


class LocalLinuxManager(LinuxProcessManager):
    """A process manager to run tasks on the local Linux machine.

    By default, it will create a directory ``/tmp/pydatatask`` in which to store data. That place is shared: users who
    are not its owner have to name another.

    :param app: What to call the directory of this pipeline in there.
    :param local_path: Where to store data. A relative path is taken from the working directory of this moment.
    :param kill_grace: How many seconds pass between SIGTERM and SIGKILL.
    :raises DefinitionError: ``app`` cannot be the name of a directory.
    """

    def __init__(self, app: str, local_path: Path | str = "/tmp/pydatatask", *, kill_grace: float = 10.0) -> None:
        super().__init__(app, Path(local_path).absolute(), kill_grace)  # jobs run in directories of their own

    @override
    async def get_live_pids(self, hint: set[str]) -> set[str]:
        mine = supervisors()
        return await offload(lambda: {pid for pid in hint if is_alive(pid) or mine.is_about_to_record(pid)})

    @override
    async def _spawn(self, launch: Launch) -> str:
        launch = await offload(_absolute, launch)
        pid = await supervisors().start(launch, dict(os.environb))
        if pid is None:
            raise LaunchError(f"{launch.args[0]} was not launched")
        supervisors().watch(pid, _do_nothing)  # else its end would be kept for somebody who asks later
        return pid

    @override
    async def kill(self, pid: str) -> None:
        await end_session(pid, self.kill_grace)
        await supervisors().recorded(pid, self.kill_grace)

    @override
    async def _reader(self, path: Path) -> AReadStream:
        return await LocalReader.open(str(path))

    @override
    async def _writer(self, path: Path) -> AWriteStream:
        return await LocalWriter.open(path)

    @override
    async def mkdir(self, path: Path) -> None:
        await offload(make_private, path)

    @override
    async def rmtree(self, path: Path) -> None:
        import shutil

        await asyncio.to_thread(shutil.rmtree, path)

    @override
    async def workspace(self, task: str) -> Workspace:
        workspace = LocalWorkspace(BaseDirectory(self._root, self._basedir), task, self.kill_grace)
        await workspace.prepare()
        return workspace


def _do_nothing() -> None:
    """Do nothing: callers of ``spawn`` ask for live processes to know whether theirs has ended."""


def _absolute(launch: Launch) -> Launch:
    """Return the launch with paths that mean the same in the supervisor's working directory."""

    def absolute(path: str | None) -> str | None:
        return None if path is None else os.path.abspath(path)

    return launch._replace(
        cwd=os.path.abspath(launch.cwd),
        return_code=os.path.abspath(launch.return_code),
        stdin=absolute(launch.stdin),
        stdout=absolute(launch.stdout),
        stderr=absolute(launch.stderr),
    )
