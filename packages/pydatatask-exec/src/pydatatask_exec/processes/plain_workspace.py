"""A workspace for any process manager, made of the documented members: no atomic claims, no listings."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path, PurePath

from typing_extensions import override

from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_exec.processes.job_status import JobState, JobStatus, parse_return_code
from pydatatask_exec.processes.process_operations import ProcessOperations
from pydatatask_exec.processes.stdout_marker import STDOUT as STDOUT_MARKER
from pydatatask_exec.processes.workspace import (
    CWD,
    EXE,
    RETURN_CODE,
    STDIN,
    TIMED_OUT,
    IsWanted,
    Order,
    Workspace,
    launch_of,
)

__all__ = ["PlainWorkspace"]

_POLL_SECONDS = 0.05
_LONGEST_KILL_SECONDS = 60.0


class PlainWorkspace(Workspace):
    """Run the jobs of one task with the documented members of a manager.

    Claims are kept only in this process and in the repository ``pids``, so only one pipeline at a time may use it.

    :param manager: The manager.
    :param directory: Where the directories of the jobs are.
    """

    holds_claims = False
    enforces_timeouts = False
    poll_seconds: float = 0.1

    def __init__(self, manager: ProcessOperations, directory: Path) -> None:
        super().__init__(directory)
        self._manager = manager
        self._root = directory
        self._uncertain: set[str] = set()

    @override
    async def jobs(self) -> set[str]:
        return set()

    @override
    async def retired(self) -> set[str]:
        return set()

    @override
    async def start(self, order: Order, is_wanted: IsWanted | None = None) -> str | None:
        directory = self._root / order.job
        if not isinstance(order.stdin, PurePath):
            await self._make_fresh(directory)
        async with await self._manager.open(directory / EXE, "w") as exe:
            await exe.write(order.script)
        if isinstance(order.stdin, bytes):
            async with await self._manager.open(directory / STDIN, "wb") as stdin:
                await stdin.write(order.stdin)
        launch = launch_of(order, str(directory))
        return await self._manager.spawn(
            [*_interpreter(order.script), str(directory / EXE)],
            dict(launch.environ),
            launch.cwd,
            launch.return_code,
            launch.stdin,
            launch.stdout,
            STDOUT_MARKER if order.interleaved else launch.stderr,
        )

    async def _make_fresh(self, directory: Path) -> None:
        if await self._is_there(directory, EXE):
            await self._manager.rmtree(directory)
        await self._manager.mkdir(directory / CWD)

    async def _is_there(self, directory: Path, name: str) -> bool:
        """Return whether a file is there."""
        try:
            reader = await self._manager.open(directory / name, "rb")
        except FileNotFoundError:
            return False
        await reader.close()
        return True

    @override
    async def stage(self, job: str) -> tuple[PurePath, AWriteStream]:
        await self._make_fresh(self._root / job)
        path = self._root / job / STDIN
        return path, await self._manager.open(path, "wb")

    @override
    async def unstage(self, path: PurePath) -> None:
        await self._manager.rmtree(Path(path).parent)

    @override
    async def inspect(self, jobs: Mapping[str, str | None], outputs: Collection[str]) -> dict[str, JobStatus]:
        alive = await self._manager.get_live_pids({pid for pid in jobs.values() if pid is not None})
        return {job: await self._look(job, pid, pid in alive) for job, pid in jobs.items()}

    async def _look(self, job: str, pid: str | None, alive: bool) -> JobStatus:
        if alive:
            return JobStatus(JobState.RUNNING, pid)
        return_code = await self._return_code(job)
        if return_code is not None:
            self._uncertain.discard(job)
            timed_out = return_code != 0 and await self._is_there(self._root / job, TIMED_OUT)
            return JobStatus(JobState.FINISHED, pid, return_code, timed_out=timed_out)
        if pid is not None and job not in self._uncertain:
            self._uncertain.add(job)  # its exit status may be about to be recorded: decide next time
            return JobStatus(JobState.RUNNING, pid)
        self._uncertain.discard(job)
        return JobStatus(JobState.VANISHED, pid, timed_out=await self._is_there(self._root / job, TIMED_OUT))

    async def _return_code(self, job: str) -> int | None:
        try:
            async with await self._manager.open(self._root / job / RETURN_CODE, "r") as file:
                return parse_return_code(await file.read() + "\n")
        except FileNotFoundError:
            return None

    @override
    async def open_output(self, job: str, name: str) -> AReadStream:
        return await self._manager.open(self._root / job / name, "rb")

    @override
    async def revoke(self, job: str) -> bool:
        return False

    @override
    async def end(self, job: str, pid: str, grace: float) -> None:
        await self.kill(job, pid)  # how long a process has is up to the manager

    @override
    async def mark_timed_out(self, job: str) -> None:
        async with await self._manager.open(self._root / job / TIMED_OUT, "w") as mark:
            await mark.write("\n")

    @override
    async def kill(self, job: str, pid: str) -> None:
        await self._manager.kill(pid)
        async with asyncio.timeout(_LONGEST_KILL_SECONDS):
            while True:  # a manager of this kind reports no exits, so it has to be asked
                if pid not in await self._manager.get_live_pids({pid}):
                    return
                await asyncio.sleep(_POLL_SECONDS)

    @override
    async def retire(self, jobs: Collection[str]) -> None:
        """Do nothing: the directories are no claims, and are removed next."""

    @override
    async def discard(self, jobs: Collection[str]) -> None:
        for job in jobs:
            await self._manager.rmtree(self._root / job)


def _interpreter(script: str) -> list[str]:
    """Return the command that runs a script: no documented member makes a file executable."""
    first, _, _ = script.partition("\n")
    return first[2:].split(maxsplit=1) if first.startswith("#!") and first[2:].strip() else ["/bin/sh"]
