"""What the tests of processes need: blobs in memory, tasks that run scripts, and ways to wait for them."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exec_doubles import Records
from typing_extensions import override

from pydatatask_core import Pipeline, ResourceManager, Resources, Session, StreamBlobRepository
from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase
from pydatatask_exec.processes.identity_file import parse_marks
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.local.supervisors import supervisors
from pydatatask_exec.processes.manager import AbstractProcessManager
from pydatatask_exec.processes.task import ProcessTask

NO_LIMIT = 10_000
"""Processors of a quota that refuses nothing."""


class Blobs(StreamBlobRepository):
    """Blobs in a dict, each visible once its writer is closed."""

    def __init__(self, data: dict[str, bytes] | None = None) -> None:
        self.data: dict[str, bytes] = {} if data is None else data
        self.largest_write = 0

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.data):
            yield job

    @override
    async def info(self, job: str) -> Any:
        return None

    @override
    async def delete(self, job: str) -> None:
        self.data.pop(job, None)

    @override
    async def open_reader(self, job: str) -> BlobReader:
        if job not in self.data:
            raise JobNotFoundError(job, "the dict")
        return BlobReader(self.data[job])

    @override
    async def open_writer(self, job: str) -> BlobWriter:
        return BlobWriter(self, job)


class BlobReader(ReadStreamBase):
    """Reads what was there when it was opened."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @override
    async def read(self, n: int | None = None) -> bytes:
        block = self._data if n is None else self._data[:n]
        self._data = self._data[len(block) :]
        return block

    @override
    async def close(self) -> None:
        self._data = b""


class BlobWriter(WriteStreamBase):
    """Writes to a list of blocks."""

    def __init__(self, repository: Blobs, job: str) -> None:
        self._repository = repository
        self._job = job
        self._blocks: list[bytes] = []

    @override
    async def _stage(self, data: bytes) -> None:
        self._repository.largest_write = max(self._repository.largest_write, len(data))
        self._blocks.append(data)

    @override
    async def _commit(self) -> None:
        self._repository.data[self._job] = b"".join(self._blocks)

    @override
    async def _discard(self) -> None:
        self._blocks.clear()


class Bench:
    """A process task with its repositories, all at hand."""

    def __init__(
        self,
        directory: Path,
        script: str,
        jobs: tuple[str, ...] = ("job",),
        cpu: int = NO_LIMIT,
        launches: int | None = None,
        manager: AbstractProcessManager | None = None,
        pids: Records | None = None,
        **options: Any,
    ) -> None:
        self.inputs = Records({job: {} for job in jobs})
        self.pids, self.done = pids or Records(), Records()
        self.stdout, self.stderr = Blobs(), Blobs()
        self.manager = manager or LocalLinuxManager("app", directory / "targets", kill_grace=1.0)
        self.quota = ResourceManager(Resources.parse(cpu, cpu, launches))
        settings: dict[str, Any] = {"done": self.done, "stdout": self.stdout, "stderr": self.stderr} | options
        self.task = ProcessTask(
            "work", lambda: self.manager, self.quota, Resources.parse(1, 1), self.pids, script, **settings
        )
        self.task.link("inputs", self.inputs, is_input=True)

    def pipeline(self) -> Pipeline:
        """A pipeline of the task; a new one each time, as after a restart only the repositories are the same."""
        return Pipeline([self.task], Session(), [self.quota], retry_seconds=0.01)

    async def run(self) -> None:
        """Run all jobs to their end."""
        async with self.pipeline() as pipeline:
            await pipeline.run(timeout=60)

    @property
    def leftovers(self) -> list[str]:
        """What is left in the directories of jobs: nothing, once all are reaped."""
        base = self.manager.basedir
        places = [base / "work", base / ".work.reaped", base / ".work.staged", base / ".work.launching"]
        return [str(path) for place in places if place.exists() for path in place.iterdir()]


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


async def until_async(condition: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Wait until an asynchronous condition holds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


def process_exists(pid: int) -> bool:
    """Tell whether a process has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@contextmanager
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that has nothing to do with any job."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            yield process
        finally:
            process.kill()


def number_of(pid: str) -> int:
    """The process id in a process identifier."""
    return int(pid.partition(":")[0])


def supervisor_of(directory: Path) -> int:
    """The process id of the supervisor of the job that has a directory."""
    marks = parse_marks((directory / "pid").read_text())
    assert marks is not None
    return number_of(marks.recorder)


Runner = Callable[[Launch], Awaitable[None]]
"""Runs a process to its end."""

ENVIRONMENT = {b"PATH": b"/usr/bin:/bin", b"INHERITED": b"yes"}


async def by_script(launch: Launch) -> None:
    """Run a process as on another machine."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", launch.script(), start_new_session=True, env=ENVIRONMENT
    )
    await process.wait()


async def by_supervisor(launch: Launch) -> None:
    """Run a process as on this machine."""
    ended = asyncio.Event()
    pid = await supervisors().start(launch, ENVIRONMENT)
    assert pid is not None
    assert supervisors().watch(pid, ended.set)
    await ended.wait()
