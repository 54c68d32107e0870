"""``inject``: standard input as the value of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command
from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.name_lookup import find_data
from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_cli.standard_input import read_all, standard_input
from pydatatask_cli.terminal.records import parse_record
from pydatatask_core.errors import UnknownRelationError, UsageError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.translation import Resolved, resolve
from pydatatask_core.streams.byte_streams import async_copyfile

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "inject_data"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "inject",
        inject_data,
        Access.OBSERVE,
        details="Store standard input as the value of a job: a blob as it is, a record from YAML.",
        examples=["count.books jonah < jonah.txt", "count.done jonah < record.yaml"],
    )
    parser.add_argument("data", metavar="DATA", help="which repository: task.link")
    parser.add_argument("job", metavar="JOB", help="the job under which to store standard input")


@returns_status
async def inject_data(pipeline: Pipeline, data: str, job: str) -> int:
    """Read standard input to its end and make it the value of a job: a blob as it is, a record from YAML.

    A repository that is both, such as one of YAML files, takes only valid YAML. The write is atomic.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param data: Which repository: ``task.link``.
    :param job: The job.
    :returns: The exit status.
    """
    named = find_data(pipeline, data)
    repository = named.repository
    if not isinstance(repository, BlobRepository | MetadataRepository):
        raise UsageError(
            f"{named} is a {repository.describe()}, which holds neither blobs nor records; nothing can be written to it"
        )
    await validate_repositories(pipeline, [repository])
    try:
        target = await resolve(repository, job, fresh=True)
    except UnknownRelationError as error:
        raise CommandFailedError(f"{named}: {error}") from error
    target.repository.require_valid(target.job)
    # The pipeline was opened for observing, so writing has not been validated yet.
    await target.repository.validate()
    await _write(target)
    return 0


async def _write(target: Resolved) -> None:
    if isinstance(target.repository, MetadataRepository):
        text = await read_all()
        record = parse_record(text)
        if not isinstance(target.repository, BlobRepository):
            await target.repository.dump(target.job, record)
            return
        # Writing the record again would lose comments, and how numbers and times were written.
        async with await target.repository.open(target.job, "wb") as writer:
            await writer.write(text)
        return
    assert isinstance(target.repository, BlobRepository)
    async with standard_input() as source, await target.repository.open(target.job, "wb") as writer:
        await async_copyfile(source, writer)
