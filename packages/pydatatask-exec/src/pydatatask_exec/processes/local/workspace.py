"""The jobs of one task on this machine."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import weakref
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePath

from typing_extensions import override

from pydatatask_core.concurrency.offload import offload
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_exec.processes.identity import ProcessIdentity
from pydatatask_exec.processes.identity_file import Owner
from pydatatask_exec.processes.job_status import JobStatus
from pydatatask_exec.processes.local import job_directory
from pydatatask_exec.processes.local.base_directory import BaseDirectory
from pydatatask_exec.processes.local.child_watch import child_watch
from pydatatask_exec.processes.local.files import LocalReader, LocalWriter
from pydatatask_exec.processes.local.other_controllers import Lease, OtherControllers, sweep
from pydatatask_exec.processes.local.supervised_job import NotExclusiveError, SupervisorLostError
from pydatatask_exec.processes.local.supervisors import supervisors
from pydatatask_exec.processes.local.taken_directories import TakenDirectories
from pydatatask_exec.processes.local.termination import end_orphans, end_session
from pydatatask_exec.processes.workspace import (
    KILL_REQUESTED,
    TIMED_OUT,
    IsWanted,
    Order,
    Workspace,
    launch_of,
    retired_job,
    staged_name,
)

__all__ = ["LocalWorkspace"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_RECORDING_SECONDS = 0.02


class LocalWorkspace(Workspace):
    """The jobs of one task on this machine.

    :param base: The base directory of the manager.
    :param task: The task's name.
    :param kill_grace: How many seconds pass between SIGTERM and SIGKILL.
    """

    def __init__(self, base: BaseDirectory, task: str, kill_grace: float) -> None:
        basedir = base.path
        super().__init__(basedir / task)
        self._base = base
        self._lock: weakref.finalize[[int], LocalWorkspace] | None = None
        self._root = basedir / task
        self._reaped = basedir / f".{task}.reaped"
        self._staged = basedir / f".{task}.staged"
        self._launching = basedir / f".{task}.launching"
        self._others = OtherControllers(self._launching)
        self._kill_grace = kill_grace
        self._taken = TakenDirectories(self._root)
        self._staging: Path | None = None
        self._abandoned: list[Path] = []
        self._environment = dict(os.environb)
        self._retired: dict[str, list[str]] = {}
        self._controller = ""
        self._attempts = count(1)
        self._series = os.urandom(4).hex()  # once, as asking for each attempt costs a system call

    async def prepare(self) -> None:
        """Make the directories, and remove what a pipeline staged that is gone."""
        await asyncio.to_thread(sweep, self._staged)
        await asyncio.to_thread(sweep, self._launching)
        await offload(self._make_directories)

    def _make_directories(self) -> None:
        self._base.make()
        for path in (self._root, self._reaped, self._staged, self._launching):
            path.mkdir(0o700, exist_ok=True)
        self._unlock()
        self._lock = weakref.finalize(self, os.close, self._base.lock())
        self._controller = str(ProcessIdentity.now(os.getpid()))

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock()

    def _restore(self) -> bool:
        """Make directories again that a cleaner of temporary files, say, has removed. Return whether there was any."""
        places = (self._root, self._reaped, self._staged, self._launching)
        if all(path.is_dir() for path in places) and (self._staging is None or self._staging.is_dir()):
            return False
        log.warning("%s, or something in it, has been removed by somebody else, and is made again", self._base.path)
        if self._staging is not None and not self._staging.is_dir():
            self._staging = None
        self._abandoned = [staging for staging in self._abandoned if staging.is_dir()]
        self._make_directories()
        self._others.lose(self._others.lease)  # nobody knows who has come or gone meanwhile
        return True

    @override
    async def arrive(self) -> None:
        if self._others.lease is None:
            try:
                await offload(self._check_exclusivity)
            except FileNotFoundError:
                await offload(self._restore)  # the first launch makes up for it

    @override
    async def close(self) -> None:
        supervisors().release(self)
        await offload(self._taken.close)
        with suppress(OSError):  # the next pipeline removes what is left
            await offload(self._remove_staging)
        await offload(self._unlock)

    @override
    async def jobs(self) -> set[str]:
        return await offload(self._list_jobs)

    def _list_jobs(self) -> set[str]:
        self._restore()
        self._others.remove_lost()
        self._remove_abandoned()  # or a launch that was cancelled could come about after the listing
        return job_directory.jobs(self._root)

    @override
    async def retired(self) -> set[str]:
        names = await offload(os.listdir, self._reaped)
        for name in names:
            self._retired.setdefault(retired_job(name), []).append(name)
        return {retired_job(name) for name in names}

    @override
    async def start(self, order: Order, is_wanted: IsWanted | None = None) -> str | None:
        supervisors().keep(self)
        try:
            return await self._start(order, is_wanted)
        except FileNotFoundError:
            if not await offload(self._restore) or not await offload(_is_there, order.stdin):
                raise
        return await self._start(order, is_wanted)

    async def _start(self, order: Order, is_wanted: IsWanted | None) -> str | None:
        lease = self._others.lease or await offload(self._check_exclusivity)
        if lease is not None and order.found_at >= lease.since:
            try:
                return await self._run(order, lease)
            except NotExclusiveError:
                self._others.lose(lease)
        return await self._start_beside_others(order, is_wanted)

    def _check_exclusivity(self) -> Lease | None:
        """Return our lease, or None if there is another controller."""
        self._make_staging()
        return self._others.check(self._controller)

    async def _start_beside_others(self, order: Order, is_wanted: IsWanted | None) -> str | None:
        """Start a job that another controller may have done since it was found ready.

        So it is reserved first, by a directory that names us, which the supervisor fills. A controller that has done
        the job has recorded that before it has released its claim, so ``is_wanted`` is certain now.
        """
        if is_wanted is None:
            return await self._run(order)
        owner = self._new_owner()
        staging = f"{await offload(self._make_staging)}/reserve-{owner.attempt}"
        pid = None
        try:
            # Within the block, as a thread goes on to make a reservation although its caller has been cancelled.
            if await offload(job_directory.reserve, f"{self._root}/{order.job}", staging, owner) and await is_wanted():
                pid = await self._run_reserved(order, owner)
            return pid
        finally:
            if pid is None:
                await offload(job_directory.release, self._root, self._reaped, order.job, owner)

    async def _run_reserved(self, order: Order, owner: Owner) -> str | None:
        try:
            return await self._run(order, owner=owner)
        except OSError as error:
            if error.errno != errno.EPROTONOSUPPORT:
                raise
        # A supervisor of version 1 takes an empty directory for a reservation, and moves the filled one to its place.
        await offload(job_directory.disown, f"{self._root}/{order.job}")
        return await self._run(order)

    def _new_owner(self) -> Owner:
        return Owner(self._controller, f"{next(self._attempts)}-{self._series}")

    async def _run(self, order: Order, lease: Lease | None = None, owner: Owner | None = None) -> str | None:
        directory = f"{self._root}/{order.job}"
        staging = await offload(self._make_staging) if lease is None else lease.staging
        token = None if lease is None else lease.token
        claim = job_directory.claim_of(
            order, directory, str(staging), owner or self._new_owner(), token, reserved=owner is not None
        )
        try:
            pid = await supervisors().start(launch_of(order, directory), self._environment, claim)
        except SupervisorLostError:
            if await offload(os.path.lexists, directory):
                return None  # it may have been started
            raise
        except asyncio.CancelledError:
            self._others.lose(lease)
            self._abandon(staging)
            raise
        if pid is None and not await offload(staging.is_dir):
            self._abandon(staging)
            if not await offload(self._root.is_dir):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._root))
            if lease is not None:  # a supervisor of an earlier version
                raise NotExclusiveError
        return pid

    def _make_staging(self) -> Path:
        """Make our staging directory. The next pipeline removes it once this one is gone."""
        if self._staging is None:
            self._remove_abandoned()
            name = staged_name(f"launch-{os.urandom(4).hex()}", str(ProcessIdentity.now(os.getpid())))
            self._others.enter(name)
            self._staging = self._launching / name
        return self._staging

    def _abandon(self, staging: Path) -> None:
        """Use a staging directory no more. It is removed before anything is launched by way of another.

        A supervisor may be about to carry out a launch that was cancelled, by when the job may have been done.
        """
        if self._staging == staging:
            self._staging = None
            self._abandoned.append(staging)

    def _remove_abandoned(self) -> None:
        while self._abandoned:
            self._others.leave(self._abandoned[0].name)
            del self._abandoned[0]  # more may have been added meanwhile

    def _remove_staging(self) -> None:
        self._others.lose(self._others.lease)
        self._others.remove_lost()
        if self._staging is not None:
            self._abandon(self._staging)
        self._remove_abandoned()

    @override
    async def stage(self, job: str) -> tuple[PurePath, AWriteStream]:
        path = self._staged / staged_name(job, str(ProcessIdentity.now(os.getpid())))
        try:
            return path, await LocalWriter.open(path)
        except FileNotFoundError:
            if not await offload(self._restore):
                raise
        return path, await LocalWriter.open(path)

    @override
    async def unstage(self, path: PurePath) -> None:
        await offload(Path(path).unlink, missing_ok=True)

    @override
    async def inspect(self, jobs: Mapping[str, str | None], outputs: Collection[str]) -> dict[str, JobStatus]:
        return await offload(
            lambda: {job: job_directory.read_status(self._root, job, pid, outputs) for job, pid in jobs.items()}
        )

    @override
    async def take(self, jobs: Mapping[str, str | None], outputs: Collection[str]) -> dict[str, JobStatus]:
        found = await offload(lambda: {job: self._taken.take(job, pid, outputs) for job, pid in jobs.items()})
        return {job: status for job, status in found.items() if status is not None}

    @override
    def has_taken(self, job: str) -> bool:
        return job in self._taken

    @override
    def give_back(self, jobs: Collection[str]) -> None:
        self._taken.give_back(jobs)

    @override
    async def open_output(self, job: str, name: str) -> AReadStream:
        path = f"{self._root}/{job}/{name}"
        if not await offload(job_directory.is_file, path):
            raise FileNotFoundError(f"{path} is no file")
        return await LocalReader.open(path)

    @override
    async def revoke(self, job: str) -> bool:
        return await offload(job_directory.revoke, self._root, job)

    @override
    async def end(self, job: str, pid: str, grace: float) -> None:
        await end_session(pid, grace)
        await self.end_orphans(job, pid)

    @override
    async def mark_timed_out(self, job: str) -> None:
        await offload(job_directory.mark, self._root, job, TIMED_OUT)

    @override
    async def kill(self, job: str, pid: str) -> None:
        await offload(job_directory.mark, self._root, job, KILL_REQUESTED)
        await self.end(job, pid, self._kill_grace)

    @override
    async def end_orphans(self, job: str, pid: str | None) -> None:
        await end_orphans(pid, f"{self._root}/{job}", self._kill_grace)

    @override
    async def retire(self, jobs: Collection[str]) -> None:
        for name in await offload(job_directory.retire, self._root, self._reaped, jobs):
            self._retired.setdefault(retired_job(name), []).append(name)

    @override
    async def discard(self, jobs: Collection[str]) -> None:
        names = [name for job in jobs for name in self._retired.pop(job, ())]
        large = await offload(job_directory.remove_small, self._reaped, names) if names else ()
        if large:
            # Not on the thread of short calls, all of which would have to wait.
            await asyncio.to_thread(job_directory.remove, self._reaped, large)

    @override
    def watch(self, pid: str, on_exit: Callable[[], None], on_lost: Callable[[], None]) -> bool:
        if supervisors().watch(pid, on_exit):
            return True
        identity = ProcessIdentity.parse(pid)
        return identity is not None and child_watch().watch(identity.pid, lambda: _after_recording(on_exit))


def _is_there(stdin: bytes | PurePath | None) -> bool:
    """Return whether an input is still there: a staged one may have been removed, too."""
    return not isinstance(stdin, PurePath) or os.path.exists(stdin)


def _after_recording(on_exit: Callable[[], None]) -> None:
    """Call a function once the supervisor of an earlier pipeline has had the time to record how a process ended."""
    asyncio.get_running_loop().call_later(_RECORDING_SECONDS, on_exit)
