"""The jobs of one task on this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePath

from typing_extensions import override

from pydatatask_core.offload import offload
from pydatatask_core.streams import AReadStream, AWriteStream
from pydatatask_exec import local_jobs
from pydatatask_exec.child_watch import child_watch
from pydatatask_exec.job_findings import Finding
from pydatatask_exec.local_files import LocalReader, LocalWriter
from pydatatask_exec.local_orphans import end_orphans
from pydatatask_exec.local_processes import end_session, is_alive
from pydatatask_exec.process_identity import ProcessIdentity
from pydatatask_exec.workspace import Order, Workspace, retired_job, staged_by, staged_name

__all__ = ["LocalWorkspace"]


class LocalWorkspace(Workspace):
    """The jobs of one task on this machine.

    :param basedir: The base directory of the manager.
    :param task: The task's name.
    :param kill_grace: For how many seconds a process that is to end is given time, before it is killed.
    """

    def __init__(self, basedir: Path, task: str, kill_grace: float) -> None:
        super().__init__(basedir / task)
        self._root = basedir / task
        self._reaped = basedir / f".{task}.reaped"
        self._staged = basedir / f".{task}.staged"
        self._kill_grace = kill_grace
        self._environment = dict(os.environb)
        self._retired: dict[str, list[str]] = {}

    async def prepare(self) -> None:
        """Make the directories, and remove inputs that a pipeline staged which is no more."""
        await offload(self._make_directories)
        await asyncio.to_thread(_sweep, self._staged)

    def _make_directories(self) -> None:
        for path in (self._root, self._reaped):
            path.mkdir(0o700, exist_ok=True)

    @override
    async def jobs(self) -> set[str]:
        return await offload(local_jobs.jobs, self._root)

    @override
    async def retired(self) -> set[str]:
        names = await offload(os.listdir, self._reaped)
        for name in names:
            self._retired.setdefault(retired_job(name), []).append(name)
        return {retired_job(name) for name in names}

    @override
    async def start(self, order: Order) -> str | None:
        identity = await offload(local_jobs.claim_and_start, str(self._root), order, self._environment)
        return None if identity is None else str(identity)

    @override
    async def stage(self, job: str) -> tuple[PurePath, AWriteStream]:
        await offload(self._staged.mkdir, 0o700, exist_ok=True)
        path = self._staged / staged_name(job, str(ProcessIdentity.now(os.getpid())))
        return path, await LocalWriter.open(path)

    @override
    async def unstage(self, path: PurePath) -> None:
        await offload(Path(path).unlink, missing_ok=True)

    @override
    async def look(self, jobs: Mapping[str, str | None], outputs: Collection[str]) -> dict[str, Finding]:
        return await offload(
            lambda: {job: local_jobs.find_out(self._root, job, pid, outputs) for job, pid in jobs.items()}
        )

    @override
    async def open_output(self, job: str, name: str) -> AReadStream:
        path = f"{self._root}/{job}/{name}"
        if not await offload(local_jobs.is_file, path):
            raise FileNotFoundError(f"{path} is no file")
        return await LocalReader.open(path)

    @override
    async def take_back(self, job: str) -> bool:
        return await offload(local_jobs.take_back, self._root, job)

    @override
    async def kill(self, job: str, pid: str) -> None:
        await offload(local_jobs.forget, self._root, job)
        await end_session(pid, self._kill_grace)
        await self.end_orphans(job, pid)

    @override
    async def end_orphans(self, job: str, pid: str) -> None:
        await end_orphans(pid, f"{self._root}/{job}", self._kill_grace)

    @override
    async def retire(self, jobs: Collection[str]) -> None:
        for name in await offload(local_jobs.retire, self._root, self._reaped, jobs):
            self._retired.setdefault(retired_job(name), []).append(name)

    @override
    async def discard(self, jobs: Collection[str]) -> None:
        names = [name for job in jobs for name in self._retired.pop(job, ())]
        if names:
            await offload(local_jobs.remove, self._reaped, names)

    @override
    def watch(self, pid: str, on_exit: Callable[[], None], on_lost: Callable[[], None]) -> bool:
        identity = ProcessIdentity.parse(pid)
        return identity is not None and child_watch().watch(identity.pid, on_exit)


def _sweep(directory: Path) -> None:
    """Remove what processes have staged that are no more, told by the names of the files."""
    for name in os.listdir(directory) if directory.is_dir() else ():
        owner = staged_by(name)
        if owner is not None and not is_alive(owner):
            (directory / name).unlink(missing_ok=True)
