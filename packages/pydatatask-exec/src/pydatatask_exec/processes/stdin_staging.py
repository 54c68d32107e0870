"""Bring the standard input of a job to its target, with bounded memory."""

from __future__ import annotations

from pathlib import PurePath

from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.streams.byte_streams import AReadStream, async_copyfile
from pydatatask_exec.processes.workspace import Workspace

__all__ = ["stage_stdin"]

_SMALL = 1 << 16
"""Inputs up to this size, in bytes, are sent along with the order."""


async def stage_stdin(workspace: Workspace, repository: BlobRepository, job: str) -> bytes | PurePath:
    """Read a small input, or stage a large one.

    :param workspace: Where the job will run.
    :param repository: Where the input comes from.
    :param job: The job.
    :returns: The input, or the path at which it is staged.
    """
    async with await repository.open(job, "rb") as reader:
        beginning = await _read_up_to(reader, _SMALL + 1)
        if len(beginning) <= _SMALL:
            return beginning
        path, writer = await workspace.stage(job)
        async with writer:
            await writer.write(beginning)
            await async_copyfile(reader, writer)
        return path


async def _read_up_to(reader: AReadStream, size: int) -> bytes:
    """Read so many bytes, or all there are. A single read may return fewer."""
    blocks: list[bytes] = []
    while size > 0 and (block := await reader.read(size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)
