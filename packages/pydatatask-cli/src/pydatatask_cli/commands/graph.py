"""``graph``: a drawing of the dependency graph."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.gather import gather
from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_cli.outcomes.blocked_notes import count_blocked
from pydatatask_cli.terminal import output
from pydatatask_core.errors import UsageError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.scheduling.listing import Listing
from pydatatask_storage.files.staged import StagedFile

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["FORMATS", "add_parser", "print_graph"]

FORMATS = ("mermaid", "dot", "svg", "png")
"""What a picture can be; the last two are drawn by Graphviz."""

_POLL_SECONDS = 0.05

_BY_ENDING = {".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot", ".svg": "svg", ".png": "png"}
_OTHER_PICTURES = frozenset((".eps", ".gif", ".jpeg", ".jpg", ".pdf", ".ps", ".tif", ".tiff", ".webp"))  # never text


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "graph",
        print_graph,
        Access.OBSERVE,
        details="Draw tasks, repositories and the links between them.",
        examples=["", "--counts -o pipeline.svg"],
    )
    parser.add_argument(
        "--format", dest="kind", choices=FORMATS, help="the format: mermaid, unless the ending of FILE says otherwise"
    )
    parser.add_argument("-o", "--output", dest="file", metavar="FILE", help="the file to write, instead of printing")
    parser.add_argument(
        "--counts", action="store_true", help="show how many jobs each repository has, and how many are blocked"
    )


@returns_status
async def print_graph(
    pipeline: Pipeline, kind: str | None = None, file: str | None = None, counts: bool = False
) -> int:
    """Draw the tasks and repositories, and how they depend on each other.

    The same pipeline always gives the same text.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param kind: One of :data:`FORMATS`; without it, what the ending of ``file`` says, or else Mermaid.
    :param file: Optional: the file to write, instead of printing the picture.
    :param counts: Whether to show how many jobs each repository has, and how many jobs of each task are blocked.
    :returns: The exit status.
    """
    chosen = kind or _by_ending(file or "")
    if chosen not in FORMATS:
        raise UsageError(f"there is no format {chosen!r}; the formats are: {', '.join(FORMATS)}")
    if chosen == "png" and file is None and output.on_terminal():
        raise UsageError("a terminal cannot show a PNG; name a file for it: -o FILE")
    numbers = await _counts(pipeline) if counts else None
    blocked = await count_blocked(pipeline) if counts else None
    data = await _drawn(pipeline, chosen, numbers, blocked)
    if file is not None:
        await _write(file, data)
    elif output.binary_output() is not None:
        output.write_bytes(data)
    else:
        output.write(data.decode())
    return 0


def _by_ending(file: str) -> str:
    ending = os.path.splitext(file)[1].lower()
    if ending in _OTHER_PICTURES:
        raise UsageError(f"{file}: there is no format for {ending}; the formats are: {', '.join(FORMATS)}")
    return _BY_ENDING.get(ending, "mermaid")


async def _counts(pipeline: Pipeline) -> dict[int, int]:
    from pydatatask_cli.graph.picture import repositories

    found = repositories(pipeline.tasks.values())
    await validate_repositories(pipeline, found)
    listing = Listing()
    jobs = await gather(listed(listing, repository) for repository in found)
    return {id(repository): len(there) for repository, there in zip(found, jobs, strict=True)}


async def _drawn(
    pipeline: Pipeline, kind: str, counts: Mapping[int, int] | None, blocked: Mapping[str, int] | None
) -> bytes:
    from pydatatask_cli.graph.dot import dot
    from pydatatask_cli.graph.graphviz import render
    from pydatatask_cli.graph.mermaid import mermaid
    from pydatatask_cli.graph.picture import draw

    picture = draw(list(pipeline.tasks.values()), counts, blocked)
    if kind == "mermaid":
        return mermaid(picture).encode()
    if kind == "dot":
        return dot(picture).encode()
    return await render(dot(picture), kind)


async def _write(file: str, data: bytes) -> None:
    """Write a picture to a file: atomically if it is a regular one, or else as a shell's ``>`` does."""
    if await asyncio.to_thread(_is_regular, file):
        await asyncio.to_thread(_replace, file, data)
        return
    descriptor = await _open_special(file)
    try:
        await asyncio.to_thread(_write_all, descriptor, data)
    finally:
        os.close(descriptor)


def _is_regular(file: str) -> bool:
    """Tell whether a file may be replaced by a new one. A device, a pipe or ``/dev/stdout`` must keep its identity."""
    place = file
    while os.path.islink(place):
        directory = os.path.realpath(os.path.dirname(place) or ".")
        # The links below /proc lead to open files, which need not have a name.
        if directory.startswith("/proc/"):
            return False
        place = os.path.join(directory, os.readlink(place))
    return not os.path.exists(place) or os.path.isfile(place)


def _replace(file: str, data: bytes) -> None:
    # A symbolic link stays one: its target is replaced.
    staged = StagedFile(os.path.realpath(file))
    try:
        staged.commit(data)
    except OSError as error:  # which names the staged file
        staged.discard()
        raise OSError(error.errno, error.strerror, file) from error
    except BaseException:
        staged.discard()
        raise


async def _open_special(file: str) -> int:
    """Open a device or pipe."""
    while True:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            # Opening a named pipe that nobody reads would block, and a blocked thread cannot be cancelled.
            if error.errno != errno.ENXIO:
                raise
            await asyncio.sleep(_POLL_SECONDS)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
