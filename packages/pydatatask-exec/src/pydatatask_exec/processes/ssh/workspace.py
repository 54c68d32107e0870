"""The jobs of one task on a machine reached over SSH."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from itertools import count
from pathlib import PurePath

from typing_extensions import override

from pydatatask_core.errors import TargetUnreachableError
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_exec.processes.identity import Locality, ProcessIdentity, locality
from pydatatask_exec.processes.job_status import Evidence, JobState, JobStatus, infer_state, parse_return_code
from pydatatask_exec.processes.launch_script import IDENTITY, check_exportable
from pydatatask_exec.processes.ssh import shell_requests
from pydatatask_exec.processes.ssh.errors import translated
from pydatatask_exec.processes.ssh.files import RemoteReader, RemoteWriter, changed_at, read_small
from pydatatask_exec.processes.ssh.launch_batches import ContendedError, LaunchBatches
from pydatatask_exec.processes.ssh.other_controllers import RemoteControllers
from pydatatask_exec.processes.ssh.shell_requests import Step, Ticketed
from pydatatask_exec.processes.ssh.taken_jobs import TakenJobs
from pydatatask_exec.processes.ssh.target import Channels, SSHTarget, end_process
from pydatatask_exec.processes.workspace import (
    RETURN_CODE,
    IsWanted,
    Order,
    Workspace,
    retired_job,
    staged_by,
    staged_name,
)

__all__ = ["SSHWorkspace"]

_SMALL = 1 << 16
_AT_A_TIME = 16
_INSPECTED_AT_A_TIME = 200
"""How many jobs one request inspects. Its text should be about as long as what the channel takes at once."""


class SSHWorkspace(Workspace):
    """The jobs of one task on a machine that is reached over SSH.

    :param target: The machine.
    :param basedir: The base directory of the manager.
    :param task: The task's name.
    :param kill_grace: For how many seconds a process that is to end is given time, before it is killed.
    """

    shares_clock = False
    poll_seconds: float = 1.0
    recheck_seconds: float = 5.0

    def __init__(self, target: SSHTarget, basedir: PurePath, task: str, kill_grace: float) -> None:
        super().__init__(basedir / task)
        self._target = target
        self._reaped = basedir / f".{task}.reaped"
        self._staged = basedir / f".{task}.staged"
        self._kill_grace = kill_grace
        self._retired: dict[str, list[str]] = {}
        self._prepared: Channels | None = None
        self._launches: LaunchBatches | None = None
        self._empty_since: dict[str, float] = {}
        self._slots = asyncio.Semaphore(_AT_A_TIME)
        self._taken = TakenJobs()
        self._others = RemoteControllers(self.directory, target.name)
        self._attempts = count(1)
        self._series = os.urandom(4).hex()

    async def _channels(self) -> Channels:
        """Return the channels. With each new connection, the directories are prepared first."""
        channels = await self._target.channels()
        if channels is not self._prepared:
            await self.prepare(channels)
        return channels

    async def prepare(self, channels: Channels) -> None:
        """Make the directories, and remove inputs that were staged over a connection that is gone.

        :param channels: What is open on the connection.
        """
        for path in (self.directory, self._reaped, self._staged, self._others.directory):
            with translated(self._target.name):
                await channels.sftp.makedirs(path, exist_ok=True)
        self._launches = LaunchBatches(channels.shell, self.directory)
        await self._sweep(channels, self._staged)
        self._prepared = channels

    @override
    async def arrive(self) -> None:
        if self._others.lease is None or self._others.arrived is not self._prepared:
            with suppress(ConnectionError):  # the first launch makes up for it
                await self._others.arrive(await self._channels(), self._sweep)

    async def _sweep(self, channels: Channels, directory: PurePath) -> list[str]:
        """Remove what connections have left that are gone. Return the names that remain."""
        names = await self._names(channels, directory)
        owners = sorted({owner for name in names if (owner := staged_by(name)) is not None})
        if not owners:
            return names
        here = channels.shell.facts.scope
        alive = {owners[int(line)] for line in await channels.shell.ask(shell_requests.alive_code(owners))}
        dead = {owner for owner in owners if owner not in alive and not _is_foreign(owner, here)}
        gone = {name for name in names if staged_by(name) in dead}
        if gone:
            await channels.shell.ask(shell_requests.remove_code([directory / name for name in gone]))
        return [name for name in names if name not in gone]

    async def _names(self, channels: Channels, path: PurePath) -> list[str]:
        with translated(f"{path} on {self._target.name}"):
            names = await channels.sftp.listdir(path)
        return [str(name) for name in names if name not in (".", "..")]

    @override
    async def jobs(self) -> set[str]:
        channels = await self._channels()
        return set(await self._names(channels, self.directory))

    @override
    async def retired(self) -> set[str]:
        names = await self._names(await self._channels(), self._reaped)
        for name in names:
            self._retired.setdefault(retired_job(name), []).append(name)
        return {retired_job(name) for name in names}

    @override
    async def start(self, order: Order, is_wanted: IsWanted | None = None) -> str | None:
        check_exportable(order.environ)  # or it would fail the whole batch
        channels = await self._channels()
        if self._others.arrived is not channels:
            await self._others.arrive(channels, self._sweep)
        lease = self._others.lease
        if lease is not None and order.found_at >= lease.since:
            try:
                return await self._request(channels, order, Step.CLAIM, self._new_owner(channels), lease.token)
            except ContendedError:
                self._others.lose(lease)
        if is_wanted is None:
            return await self._request(channels, order, Step.CLAIM, self._new_owner(channels))
        return await self._start_beside_others(channels, order, is_wanted)

    async def _start_beside_others(self, channels: Channels, order: Order, is_wanted: IsWanted) -> str | None:
        """Start a job that another controller may have done since it was found ready.

        A controller that has done the job has recorded that before it has released its claim. So once the job is
        reserved here, ``is_wanted`` is certain.
        """
        owner = self._new_owner(channels)
        pid, may_run = None, False
        try:
            if await self._request(channels, order, Step.RESERVE, owner) is not None and await is_wanted():
                may_run = True
                pid = await self._request(channels, order, Step.LAUNCH, owner)
            return pid
        except TargetUnreachableError:
            may_run = True  # the next reconciliation finds out, and revokes what the shell has left
            raise
        finally:
            if pid is None and not (may_run and not self._is_open(channels)):
                await self._release(channels, order.job, owner)

    def _is_open(self, channels: Channels) -> bool:
        return channels.are_open

    async def _request(
        self, channels: Channels, order: Order, step: Step, owner: str, token: str | None = None
    ) -> str | None:
        assert self._launches is not None
        return await self._launches.start(Ticketed(channels.shell.ticket(), order, owner, step, token))

    def _new_owner(self, channels: Channels) -> str:
        return f"owner {channels.shell.facts.identity} {next(self._attempts)}-{self._series}"

    async def _release(self, channels: Channels, job: str, owner: str) -> None:
        """Release our reservation of a job, unless the job has been launched."""
        if await channels.shell.ask(shell_requests.revoke_reserved_code(self.directory / job, owner)):
            await self.retire([job])
            await self.discard([job])

    @override
    async def stage(self, job: str) -> tuple[PurePath, AWriteStream]:
        channels = await self._channels()
        path = self._staged / staged_name(job, channels.shell.facts.identity)
        return path, await RemoteWriter.open(channels.sftp, path, self._target.name)

    @override
    async def unstage(self, path: PurePath) -> None:
        channels = await self._channels()
        await channels.shell.ask(shell_requests.remove_code([path]))

    @override
    async def inspect(self, jobs: Mapping[str, str | None], outputs: Collection[str]) -> dict[str, JobStatus]:
        channels = await self._channels()
        statuses: dict[str, JobStatus] = {}
        names = list(jobs)
        for begin in range(0, len(names), _INSPECTED_AT_A_TIME):
            some = {job: jobs[job] for job in names[begin : begin + _INSPECTED_AT_A_TIME]}
            lines = await channels.shell.ask(shell_requests.inspect_code(self.directory, some))
            async with asyncio.TaskGroup() as group:
                for job, line in zip(some, lines, strict=True):
                    group.create_task(self._find(channels, job, some[job], line, outputs, statuses))
        return statuses

    async def _find(
        self,
        channels: Channels,
        job: str,
        pid: str | None,
        line: str,
        outputs: Collection[str],
        statuses: dict[str, JobStatus],
    ) -> None:
        """Add to what the shell has reported on a job what only its files show."""
        there, killed, alive, late, code, owner, *rest = line.split(" ", 6)
        identity = None if rest == ["-"] else "".join(rest)
        complete = identity is not None and identity.count(":") == 2
        return_code = None if code == "-" else f"{code}\n"
        reserver = None if owner == "-" else owner
        responsible = (reserver or pid) if identity is None else identity if complete else None
        evidence = Evidence(
            exists=there == "1",
            identity=f"{identity}\n" if complete else identity,
            identity_age=self._empty_for(job, identity),
            alive=alive == "1",
            reserved=reserver is not None,
            foreign=_is_foreign(responsible, channels.shell.facts.scope),
            return_code=return_code,
        )
        state = infer_state(evidence)
        over = state in (JobState.FINISHED, JobState.VANISHED)
        sftp, path, target = channels.sftp, self.directory / job, self._target.name
        async with self._slots:
            statuses[job] = JobStatus(
                state,
                pid=identity if complete else None,
                return_code=parse_return_code(return_code),
                start_time=None if outputs or not complete else await changed_at(sftp, path / IDENTITY, target),
                end_time=await changed_at(sftp, path / RETURN_CODE, target) if state is JobState.FINISHED else None,
                kill_requested=killed == "1",
                timed_out=late == "1",
                origin=responsible if state is JobState.FOREIGN else None,
                outputs={
                    name: content
                    for name in (outputs if over else ())
                    if (content := await read_small(sftp, path / name, target, _SMALL)) is not None
                },
            )

    def _empty_for(self, job: str, identity: str | None) -> float:
        """Return for how many seconds the file for the identity has been seen empty."""
        if identity != "":
            self._empty_since.pop(job, None)
            return 0.0
        return time.monotonic() - self._empty_since.setdefault(job, time.monotonic())

    @override
    async def take(self, jobs: Mapping[str, str | None], outputs: Collection[str]) -> dict[str, JobStatus]:
        statuses = await self.inspect(jobs, outputs)
        over = (JobState.FINISHED, JobState.VANISHED)
        ended = {job: found.pid for job, found in statuses.items() if found.state in over and found.pid is not None}
        refused = await self._taken.take(await self._channels(), self.directory, ended)
        return {job: status for job, status in statuses.items() if job not in refused}

    @override
    def has_taken(self, job: str) -> bool:
        return self._taken.has(job)

    @override
    def give_back(self, jobs: Collection[str]) -> None:
        self._taken.forget(jobs)

    @override
    async def open_output(self, job: str, name: str) -> AReadStream:
        channels = await self._channels()
        return await RemoteReader.open(channels.sftp, self.directory / job / name, self._target.name)

    @override
    async def revoke(self, job: str) -> bool:
        channels = await self._channels()
        return bool(await channels.shell.ask(shell_requests.revoke_code(self.directory / job)))

    @override
    async def end(self, job: str, pid: str, grace: float) -> None:
        await end_process(await self._channels(), shell_requests.end_code(pid, grace), pid)
        await self.end_orphans(job, pid)

    @override
    async def mark_timed_out(self, job: str) -> None:
        await (await self._channels()).shell.ask(shell_requests.mark_timed_out_code(self.directory / job))

    @override
    async def kill(self, job: str, pid: str) -> None:
        code = shell_requests.kill_code(self.directory / job, pid, self._kill_grace)
        await end_process(await self._channels(), code, pid)
        await self.end_orphans(job, pid)

    @override
    async def end_orphans(self, job: str, pid: str | None) -> None:
        if pid is None:
            return  # a launcher runs nothing before it has recorded its identity
        code = shell_requests.orphans_code(self.directory / job, pid, self._kill_grace)
        await end_process(await self._channels(), code, pid)

    @override
    async def retire(self, jobs: Collection[str]) -> None:
        channels = await self._channels()
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(self._retire(channels, job))

    async def _retire(self, channels: Channels, job: str) -> None:
        name = f"{job}.{os.urandom(4).hex()}"
        try:
            async with self._slots:
                with translated(self._target.name):
                    await channels.sftp.posix_rename(self.directory / job, self._reaped / name)
        except FileNotFoundError:
            return
        self._retired.setdefault(job, []).append(name)

    @override
    async def discard(self, jobs: Collection[str]) -> None:
        names = [name for job in jobs for name in self._retired.pop(job, ())]
        if names:
            channels = await self._channels()
            await channels.shell.ask(shell_requests.remove_code([self._reaped / name for name in names]))

    @override
    async def close(self) -> None:
        prepared = self._prepared
        if prepared is not None and prepared is self._others.arrived and prepared.are_open:
            with suppress(ConnectionError, OSError):  # the next controller sweeps what is left
                await self._others.leave(prepared)

    @override
    def watch(self, pid: str, on_exit: Callable[[], None], on_lost: Callable[[], None]) -> bool:
        return self._launches is not None and self._launches.watch(pid, on_exit, on_lost)


def _is_foreign(pid: str | None, here: str) -> bool:
    """Return whether a process belongs to another host or PID namespace than the shell."""
    identity = None if pid is None else ProcessIdentity.parse(pid)
    return identity is not None and locality(identity.scope, here) is Locality.FOREIGN
