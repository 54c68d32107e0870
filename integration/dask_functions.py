"""Functions that Dask's workers import."""

from __future__ import annotations

import asyncio
import os
import signal

from pydatatask_core import BlobRepository


async def copy(job: str, inp: BlobRepository, out: BlobRepository) -> None:
    async with await inp.open(job) as reader, await out.open(job, "w") as writer:
        await writer.write(f"{await reader.read()} {os.getpid()}")


async def copy_or_die(job: str, inp: BlobRepository, out: BlobRepository) -> None:
    if job == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    await copy(job, inp, out)


async def fail_in_many_ways(job: str, attempt: int, inp: BlobRepository, out: BlobRepository) -> None:
    if job == "slow":
        await asyncio.sleep(100)
    if job == "flaky" and attempt < 3:
        raise LookupError(f"attempt {attempt}")
    await copy(job, inp, out)
