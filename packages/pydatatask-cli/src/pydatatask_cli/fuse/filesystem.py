"""Operations of programs on directories and files, independent of pyfuse3."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydatatask_cli.fuse.attributes import Attributes, attributes, brief_attributes
from pydatatask_cli.fuse.draft import Draft
from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.handles import DraftHandle, Handle, ReadHandle
from pydatatask_cli.fuse.link_directory import DraftFile, JobFile, LinkDirectory
from pydatatask_cli.fuse.nodes import Node, TaskDirectory, Top
from pydatatask_cli.fuse.repository_adapter import Kind
from pydatatask_cli.fuse.stream_reader import StreamReader
from pydatatask_cli.fuse.temporary_files import SECONDS, TemporaryFiles, looks_temporary
from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.pipeline import Pipeline

__all__ = ["Changes", "FileSystem"]

H = TypeVar("H", bound=Handle)

_log = logging.getLogger("pydatatask.cli")


@dataclass(frozen=True)
class Changes:
    """Attributes of a file to change. Times are not kept."""

    size: int | None = None
    """The new size in bytes."""

    permissions: int | None = None
    """The new permissions."""

    user: int | None = None
    """The new owner."""

    group: int | None = None
    """The new group."""


class FileSystem:
    """A pipeline as directories and files.

    :param pipeline: The pipeline, which is open.
    :param mountpoint: The absolute path of the mount, without symbolic links.
    :param seconds_to_wait: How long a file that may be temporary has to exist before it becomes a job.
    """

    def __init__(self, pipeline: Pipeline, mountpoint: str, seconds_to_wait: float = SECONDS) -> None:
        self.top: Top = Top(pipeline)
        self.mountpoint = mountpoint
        self._handles: set[Handle] = set()
        self.temporary_files: TemporaryFiles = TemporaryFiles(seconds_to_wait)

    async def look_up(self, directory: Node, name: str) -> Node:
        """Find an entry of a directory.

        :param directory: The directory.
        :param name: The name.
        :raises Refusal: There is none.
        """
        if isinstance(directory, LinkDirectory):
            return await directory.find(name)
        found = _fixed(directory).get(name)
        if found is None:
            raise Refusal(errno.ENOENT)
        return found

    async def look_up_attributes(self, directory: Node, name: str) -> tuple[Node, Attributes]:
        """Find an entry of a directory and its attributes, by one request to the store if possible.

        :param directory: The directory.
        :param name: The name.
        :raises Refusal: There is none.
        """
        file = directory.presumed(name) if isinstance(directory, LinkDirectory) else None
        if file is None:
            node = await self.look_up(directory, name)
            return node, await attributes(node)
        try:
            return file, await attributes(file)
        except JobNotFoundError:
            raise Refusal(errno.ENOENT) from None

    async def entries(self, directory: Node) -> Mapping[str, Node]:
        """Return all entries of a directory, by name.

        :param directory: The directory.
        """
        if isinstance(directory, LinkDirectory):
            return await directory.files()
        return _fixed(directory)

    async def read_link(self, node: Node) -> str:
        """Return the target of a symbolic link.

        :param node: The link.
        :raises Refusal: The node is no symbolic link.
        """
        if not isinstance(node, JobFile) or node.directory.store.kind is not Kind.LINK:
            raise Refusal(errno.EINVAL)
        return await node.directory.store.path(node.name)

    def create(self, directory: Node, name: str, flags: int, permissions: int, opener: int) -> tuple[DraftFile, Handle]:
        """Create a file and open it.

        :param directory: Its directory.
        :param name: Its name.
        :param flags: Flags of ``open``.
        :param permissions: Its permissions.
        :param opener: The process that opens it.
        :raises Refusal: No files can be created there.
        """
        file = _changeable(directory).create(name)
        file.draft.permissions = permissions & 0o7777
        file.draft.is_temporary = _is_made_by_mkstemp(flags, permissions)
        return file, self._draft_handle(file.directory, file.draft, flags, opener)

    async def open(self, node: Node, flags: int, opener: int) -> Handle:
        """Open a file.

        :param node: The file.
        :param flags: Flags of ``open``.
        :param opener: The process that opens it.
        :raises Refusal: It cannot be opened with these flags.
        """
        if not isinstance(node, JobFile | DraftFile):
            raise Refusal(errno.EISDIR)
        if isinstance(node, JobFile) and flags & os.O_ACCMODE == os.O_RDONLY:
            reader = StreamReader(lambda: node.directory.store.open(node.name))
            await reader.open()
            return self._kept(ReadHandle(reader))
        draft = node.draft if isinstance(node, DraftFile) else node.directory.overwrite(node.name)
        handle = self._draft_handle(node.directory, draft, flags, opener)
        if flags & os.O_TRUNC:
            await draft.truncate(0)
        return handle

    def _draft_handle(self, directory: LinkDirectory, draft: Draft, flags: int, opener: int) -> DraftHandle:
        return self._kept(DraftHandle(directory, draft, flags, self._path, opener))

    def _kept(self, handle: H) -> H:
        self._handles.add(handle)
        return handle

    def _path(self, directory: LinkDirectory, draft: Draft) -> str:
        return f"{self.mountpoint}/{directory}/{draft.name}"

    async def release(self, handle: Handle) -> None:
        """Release a handle that no program uses any more.

        :param handle: The handle.
        """
        self._handles.discard(handle)
        await handle.release()
        if isinstance(handle, DraftHandle) and handle.is_left:
            self._leave(handle.directory, handle.draft)

    def _leave(self, directory: LinkDirectory, draft: Draft) -> None:
        """Decide about a file that is closed and no job: it waits, or the log says that it is none."""
        if directory.store.admits(draft.name):
            self.temporary_files.add(directory, draft)
        elif draft.has_changes and not looks_temporary(draft.name):
            _log.warning(
                "%s/%s is not stored, as %r is not a valid job id there; rename it, or it is lost when the mount ends",
                directory,
                draft.name,
                draft.name,
            )

    async def change(self, node: Node, changes: Changes) -> None:
        """Change attributes of a file.

        :param node: The file.
        :param changes: The attributes to change.
        :raises Refusal: They cannot be changed.
        """
        if changes.size is not None:
            await self._truncate(node, changes.size)
        if isinstance(node, DraftFile):
            _change_draft(node.draft, changes)
        elif not _changes_nothing(node, changes):
            raise Refusal(errno.EPERM)

    async def _truncate(self, node: Node, size: int) -> None:
        """Change the size of a file, which a program need not have open."""
        handle = await self.open(node, os.O_WRONLY, os.getpid())
        assert isinstance(handle, DraftHandle)
        try:
            await handle.draft.truncate(size)
        finally:
            await self.release(handle)

    async def make_directory(self, directory: Node, name: str) -> JobFile:
        """Create a directory, which is a job where jobs are directories.

        :param directory: Its parent.
        :param name: Its name.
        :raises Refusal: No directories can be created there, or this one exists.
        """
        target = _changeable(directory)
        if await target.has(name):
            raise Refusal(errno.EEXIST)
        return await target.make_directory(name)

    async def remove(self, directory: Node, name: str) -> Node:
        """Delete a file and its job.

        :param directory: Its directory.
        :param name: Its name.
        :returns: The deleted node.
        :raises Refusal: It cannot be deleted.
        """
        return await _changeable(directory).remove(name)

    async def rename(self, source: tuple[Node, str], target: tuple[Node, str], may_replace: bool) -> list[Node]:
        """Rename a file.

        :param source: Its directory and name.
        :param target: Its new directory and name.
        :param may_replace: Whether a file of the new name may be replaced.
        :returns: The nodes that have gone.
        :raises Refusal: It cannot be renamed. If the directories differ it is EXDEV, upon which ``mv`` copies.
        """
        if source[0] is not target[0]:
            raise Refusal(errno.EXDEV)
        directory = _changeable(source[0])
        await directory.rename(source[1], target[1], may_replace)
        return [JobFile(directory, name) for _, name in (source, target)]

    async def close(self) -> None:
        """Store the files that wait, log those that are lost, and release open files."""
        await self.temporary_files.store_all()
        for directory in self._link_directories():
            for draft in [*directory.drafts.values(), *directory.overwriting.values()]:
                if draft.has_changes and directory.store.admits(draft.name):
                    _log.warning("%s/%s is lost: it was still open when the mount ended", directory, draft.name)
                await directory.drop(draft)
        while self._handles:
            await self._handles.pop().abandon()

    def _link_directories(self) -> Iterator[LinkDirectory]:
        for task in self.top.tasks.values():
            yield from task.links.values()


def _fixed(directory: Node) -> Mapping[str, Node]:
    """Return the entries of a directory that never changes."""
    if isinstance(directory, Top):
        return directory.tasks
    if isinstance(directory, TaskDirectory):
        return directory.links
    raise Refusal(errno.ENOTDIR)


def _changeable(directory: Node) -> LinkDirectory:
    if not isinstance(directory, LinkDirectory):
        raise Refusal(errno.EPERM)
    return directory


def _is_made_by_mkstemp(flags: int, permissions: int) -> bool:
    wanted = os.O_RDWR | os.O_CREAT | os.O_EXCL
    return flags & wanted == wanted and permissions & 0o777 == 0o600


def _change_draft(draft: Draft, changes: Changes) -> None:
    if changes.permissions is not None:
        draft.permissions = changes.permissions & 0o7777
    if changes.user is not None or changes.group is not None:
        user, group = draft.owner or (os.getuid(), os.getgid())
        draft.owner = (
            user if changes.user is None else changes.user,
            group if changes.group is None else changes.group,
        )


def _changes_nothing(node: Node, changes: Changes) -> bool:
    """Tell whether a node already has the wanted attributes."""
    present = (brief_attributes(node).mode & 0o7777, os.getuid(), os.getgid())
    permissions = None if changes.permissions is None else changes.permissions & 0o7777
    wanted = (permissions, changes.user, changes.group)
    return all(one is None or one == other for one, other in zip(wanted, present, strict=True))
