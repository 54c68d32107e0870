"""Mount a pipeline and serve it until it is unmounted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.fuse.filesystem import FileSystem
from pydatatask_cli.fuse.mountpoint import check_device, check_mountpoint
from pydatatask_cli.fuse.operations import Operations
from pydatatask_cli.fuse.pyfuse3_api import Fuse, load_fuse
from pydatatask_cli.fuse.trio_adapter import TrioOnAsyncio
from pydatatask_core.concurrency.clean_up import clean_up
from pydatatask_core.pipeline import Pipeline

__all__ = ["mount"]

_OPTIONS = frozenset({"default_permissions", "fsname=pydatatask", "subtype=pydatatask"})
_AT_A_TIME = 32
"""Requests answered at a time; each takes a MiB of memory."""
_SECONDS_TO_END = 3.0
"""How long to wait, at the end of the mount, for requests that are being answered."""
_SECONDS_TO_STORE = 60.0
"""How long to wait, at the end of the mount, for files that were closed shortly before."""


async def mount(pipeline: Pipeline, directory: str, mounted: Callable[[], None]) -> None:
    """Mount a pipeline until it is unmounted, or this is cancelled, which unmounts it.

    :param pipeline: The pipeline, which is open.
    :param directory: An empty directory.
    :param mounted: Called once the file system is mounted.
    :raises MissingExtraError: pyfuse3 is not installed.
    :raises UsageError: Nothing can be mounted at this directory.
    :raises CommandFailedError: Nothing can be mounted by this process, or on this machine.
    """
    fuse = load_fuse()
    await asyncio.to_thread(check_device)
    mountpoint = await asyncio.to_thread(check_mountpoint, directory)
    filesystem = FileSystem(pipeline, mountpoint)
    _mount(fuse, filesystem)
    try:
        mounted()
        await _serve(fuse, filesystem)
    finally:
        fuse.close()
        await clean_up(filesystem.close(), _SECONDS_TO_STORE)


def _mount(fuse: Fuse, filesystem: FileSystem) -> None:
    try:
        fuse.init(Operations(fuse, filesystem), filesystem.mountpoint, _OPTIONS)
    except RuntimeError as error:
        raise CommandFailedError(
            f"cannot mount at {filesystem.mountpoint} ({error}): check that fuse3 is installed, and that this user may "
            "mount"
        ) from error


async def _serve(fuse: Fuse, filesystem: FileSystem) -> None:
    """Serve the file system until it is unmounted."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(filesystem.temporary_files.watch())
        try:
            await _answer_requests(fuse)
        finally:
            watching.cancel()


async def _answer_requests(fuse: Fuse) -> None:
    fuse.trio = loop = TrioOnAsyncio()
    requests = asyncio.create_task(fuse.main(min_tasks=2, max_tasks=_AT_A_TIME))
    try:
        await asyncio.wait({requests})
    finally:
        await clean_up(_end(fuse, loop, requests), 4 * _SECONDS_TO_END)
    requests.result()


async def _end(fuse: Fuse, loop: TrioOnAsyncio, requests: asyncio.Task[None]) -> None:
    """Answer the requests that have arrived, and cancel those that take too long."""
    # A program that wrote and closed a file just before the end must find it stored.
    with suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS_TO_END):
            if not requests.done():
                await loop.until_idle()
    fuse.terminate()
    await asyncio.wait({requests}, timeout=_SECONDS_TO_END)
    if not requests.done():
        requests.cancel()
        await asyncio.wait({requests}, timeout=_SECONDS_TO_END)
