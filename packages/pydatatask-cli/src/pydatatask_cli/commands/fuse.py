"""``fuse``: mount the pipeline as a file system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.name_lookup import all_links
from pydatatask_cli.open_pipeline import opened, validate_repositories
from pydatatask_cli.terminal import output
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "fuse"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "fuse",
        fuse,
        Access.OBSERVE,
        details="Show each task as a directory, each link as one in it, and each job as a file.",
        examples=["mnt", "mnt -v"],
    )
    parser.add_argument("path", metavar="MOUNTPOINT", help="an empty directory")


@returns_status
async def fuse(pipeline: Pipeline, path: str) -> int:
    """Mount the pipeline until it is unmounted, or this is cancelled, which unmounts it.

    Each task is a directory, each of its links a directory in that, and each job a file: a blob, or a record as YAML.
    Files can be read, written, created, renamed and deleted. A file becomes a job's value atomically when it is closed.

    :param pipeline: The pipeline; it is opened if it is not open.
    :param path: Where to mount it: an empty directory.
    :returns: The exit status.
    :raises MissingExtraError: pyfuse3 is not installed.
    """
    from pydatatask_cli.fuse.mount import mount

    async with opened(pipeline, Access.OBSERVE):
        await validate_repositories(pipeline, [data.repository for data in all_links(pipeline)])
        await mount(pipeline, path, lambda: _announce(path))
    return 0


def _announce(path: str) -> None:
    output.write_lines([f"mounted at {path}; Ctrl-C, or `fusermount3 -u` of it, unmounts it"])
    output.flush()
