"""Functions that workers in other processes import."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exec_doubles import Records
from typing_extensions import override

from pydatatask_core import MetadataRepository
from pydatatask_exec.executors.task import ExecutorTask


class FileRecords(Records):
    """Records whose text is in files, so that other processes see them."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory

    @override
    async def dump(self, job: str, data: object) -> None:
        await asyncio.to_thread((self.directory / job).write_text, str(data))

    @override
    async def info(self, job: str) -> str:
        return await asyncio.to_thread((self.directory / job).read_text)


async def copy(job: str, inp: MetadataRepository, out: MetadataRepository) -> None:
    await asyncio.sleep(0)
    await out.dump(job, f"{await inp.info(job)} {os.getpid()}")


def plain(job: str, out: FileRecords) -> None:
    (out.directory / job).write_text(job)


async def fail(job: str) -> None:
    raise ZeroDivisionError(job)


async def exit_(job: str) -> None:
    raise SystemExit(3)


async def interrupt(job: str) -> None:
    raise KeyboardInterrupt


def interrupt_plainly(job: str) -> None:
    raise KeyboardInterrupt


async def die(job: str, out: MetadataRepository) -> None:
    if job == "deadly":
        await asyncio.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(0.4)
    await out.dump(job, job)


_initialized = False


def begin(directory: str) -> None:
    global _initialized
    _initialized = Path(directory).is_dir()


def _note(what: str, job: str, log: FileRecords) -> None:
    with (log.directory / "log").open("a") as file:
        file.write(f"{what} {job} {os.getpid()} {'initialized' if _initialized else 'raw'}\n")


async def note(job: str, log: FileRecords) -> None:
    await asyncio.to_thread(_note, "runs", job, log)


async def note_or_die(job: str, log: FileRecords) -> None:
    await asyncio.to_thread(_note, "begins", job, log)
    await asyncio.sleep(0.3 if job == "deadly" else 0.6)
    if job == "deadly":
        await asyncio.to_thread(_note, "dies", job, log)
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.to_thread(_note, "ends", job, log)


def ignore_termination(begun: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begun.touch()
    time.sleep(60)


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("odd")
        self.lock = ThreadPoolExecutor


async def fail_oddly(job: str) -> None:
    raise Unpicklable


@ExecutorTask("decorated", ThreadPoolExecutor(1), Records())
async def decorated(job: str, out: MetadataRepository) -> None:
    await out.dump(job, "decorated")


def refuse_to_begin() -> None:
    raise ConnectionError("the licence server is down")


async def write_pid(job: str, log: FileRecords) -> None:
    path = log.directory / f"{job}.pid"
    await asyncio.to_thread(path.write_text, str(os.getpid()))
    await asyncio.sleep(60)


def _count(log: FileRecords, job: str, attempt: int) -> None:
    with (log.directory / "log").open("a") as file:
        file.write(f"{job}{attempt} ")


async def fail_twice(job: str, attempt: int, log: FileRecords) -> None:
    await asyncio.to_thread(_count, log, job, attempt)
    if attempt < 3:
        raise LookupError(job)


def fail_twice_plainly(job: str, attempt: int, log: FileRecords) -> None:
    _count(log, job, attempt)
    if attempt < 3:
        raise LookupError(job)


def sleep_plainly(job: str, log: FileRecords) -> None:
    _count(log, job, 1)
    time.sleep(60 if job.startswith("slow") else 0.2)


async def sleep(job: str, log: FileRecords) -> None:
    await asyncio.to_thread(_count, log, job, 1)
    await asyncio.sleep(60 if job.startswith("slow") else 0.2)


_swallowed: list[BaseException] = []


def swallow(job: str, log: FileRecords) -> None:
    _count(log, job, 1)
    until = time.monotonic() + (60 if job.startswith("slow") else 0.2)
    while time.monotonic() < until:
        try:
            time.sleep(0.05)
        except BaseException as error:
            _swallowed.append(error)


def stick(job: str, log: FileRecords) -> None:
    """Never come back from a call of C, where no handler of a signal runs."""
    _count(log, job, 1)
    if job.startswith("slow"):
        sum(itertools.repeat(1, 10**12))
    time.sleep(0.2)


def die_at_first(job: str, attempt: int, log: FileRecords) -> None:
    _count(log, job, attempt)
    if attempt == 1 and job == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)


async def sleep_or_fail(job: str, attempt: int) -> None:
    chance = random.Random(f"{job} {attempt}")
    for _ in range(chance.randrange(6)):
        await asyncio.sleep(chance.choice([0, 0.001, 0.005]))
    if chance.random() < 0.3:
        raise LookupError(job)
