"""``cat``: the value of a job on standard output."""

from __future__ import annotations

import asyncio
import codecs
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command
from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.name_lookup import Data, find_data
from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.records import record_text
from pydatatask_core.errors import UnknownRelationError, UsageError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.translation import Resolved, resolve
from pydatatask_core.streams.byte_streams import AReadStream

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "cat_data"]

_BLOCK = 1 << 20


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "cat",
        cat_data,
        Access.OBSERVE,
        details="Print the value of a job: a blob as it is, a record as YAML.",
        examples=["count.books jonah", "count.done jonah"],
    )
    parser.add_argument("data", metavar="DATA", help="which repository: task.link")
    parser.add_argument("job", metavar="JOB", help="the job whose value to print")


@returns_status
async def cat_data(pipeline: Pipeline, data: str, job: str) -> int:
    """Stream a blob to standard output as it is, or print a record as YAML.

    Of a repository that is both, such as one of YAML files, it prints the blob.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param data: Which repository: ``task.link``.
    :param job: The job.
    :returns: The exit status, 1 if the job is not there.
    """
    named = find_data(pipeline, data)
    if not isinstance(named.repository, BlobRepository | MetadataRepository):
        raise UsageError(
            f"{named} is a {named.repository.describe()}, which holds neither blobs nor records, so there is nothing "
            f"to print; `ls {named}` lists its jobs"
        )
    await validate_repositories(pipeline, [named.repository])
    there = await _locate(named, job)
    if isinstance(there.repository, BlobRepository):
        async with await there.repository.open(there.job, "rb") as stream:
            await _copy_out(stream)
    else:
        output.write(record_text(await there.repository.info(there.job), f"job {job!r} of {named}"))
    return 0


async def _locate(named: Data, job: str) -> Resolved:
    """Find the repository that stores the value, behind views and translators."""
    try:
        there = await resolve(named.repository, job)
    except UnknownRelationError as error:
        raise CommandFailedError(f"{named}: {error}") from error
    if not await there.repository.contains(there.job):
        raise CommandFailedError(f"job {job!r} is not in {named} ({there.repository.describe()})")
    return there


async def _copy_out(stream: AReadStream) -> None:
    """Copy a stream to standard output, block by block."""
    if output.binary_output() is not None:
        # A pipe's reader may be slow, and writing to a full pipe blocks.
        while block := await stream.read(_BLOCK):
            await asyncio.to_thread(output.write_bytes, block)
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while block := await stream.read(_BLOCK):
        output.write(decoder.decode(block))
    output.write(decoder.decode(b"", final=True))
