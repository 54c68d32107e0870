"""The requests of the kernel, answered by the file system. All that pyfuse3 has to do with it is here."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from itertools import count
from typing import Concatenate, Final, ParamSpec, TypeVar

from pydatatask_cli.fuse.attributes import Attributes, attributes, brief_attributes
from pydatatask_cli.fuse.errors import Refusal, errno_of, is_expected
from pydatatask_cli.fuse.filesystem import Changes, FileSystem
from pydatatask_cli.fuse.handles import Handle
from pydatatask_cli.fuse.inodes import Inodes
from pydatatask_cli.fuse.link_directory import DraftFile, JobFile
from pydatatask_cli.fuse.nodes import Node
from pydatatask_cli.fuse.pyfuse3_api import ChangedFields, Context, Entry, Fuse, OpenedFile, Room
from pydatatask_cli.fuse.unsupported import UnsupportedRequests
from pydatatask_core.concurrency.offload import offload

__all__ = ["Operations"]

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger("pydatatask.cli")

_BLOCK = 128 * 1024
"""How much programs are advised to read and write at a time."""
_ALWAYS = 24 * 60 * 60.0
"""How many seconds the kernel may remember what does not change."""


def _answer(
    handler: Callable[Concatenate[Operations, P], Awaitable[T]],
) -> Callable[Concatenate[Operations, P], Awaitable[T]]:
    """Decorate a handler: its errors become numbers, and are logged where the number does not say it all."""

    @wraps(handler)
    async def answer(self: Operations, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await handler(self, *args, **kwargs)
        except Exception as error:
            raise self.failure(error, handler.__name__) from error

    return answer


class Operations(UnsupportedRequests):
    """What pyfuse3 calls, one method for each kind of request; it knows numbers only.

    :param fuse: The library.
    :param filesystem: Where the answers come from.
    """

    supports_dot_lookup: Final = False
    enable_writeback_cache: Final = False
    enable_acl: Final = False

    def __init__(self, fuse: Fuse, filesystem: FileSystem) -> None:
        super().__init__(fuse)
        self._files = filesystem
        self._inodes = Inodes(filesystem.top)
        self._handles: dict[int, Handle] = {}
        self._listings: dict[int, list[tuple[str, Node]]] = {}
        self._new_handles = count(1)

    def init(self) -> None:
        """Take note that the file system is mounted; there is nothing to do."""

    def failure(self, error: Exception, request: str) -> Exception:
        """Make an error the one kind that pyfuse3 knows, and log it if the number does not say it all.

        :param error: What was raised while a request was answered.
        :param request: What was to be done.
        """
        number = errno_of(error)
        if not is_expected(error):
            known = number != errno.EIO
            _log.warning("%s: %s (%s)", request, error or type(error).__name__, os.strerror(number), exc_info=not known)
        return self.fuse.FUSEError(number)

    # Looking around

    @_answer
    async def lookup(self, parent: int, name: bytes, context: Context) -> Entry:
        """Find what a directory has under a name."""
        node = await self._files.look_up(self._inodes.node(parent), os.fsdecode(name))
        return self._told(node, await attributes(node))

    async def forget(self, forgotten: Sequence[tuple[int, int]]) -> None:
        """Take note of what the kernel has forgotten."""
        self._inodes.forget(forgotten)

    @_answer
    async def getattr(self, inode: int, context: Context) -> Entry:
        """Give the attributes of a node."""
        node = self._inodes.node(inode)
        return self._entry(inode, node, await attributes(node))

    @_answer
    async def readlink(self, inode: int, context: Context) -> bytes:
        """Give what a symbolic link points at."""
        return os.fsencode(await self._files.read_link(self._inodes.node(inode)))

    @_answer
    async def opendir(self, inode: int, context: Context) -> int:
        """List a directory, as it is now."""
        node = self._inodes.node(inode)
        listing = [(".", node), *(await self._files.entries(node)).items()]
        handle = next(self._new_handles)
        self._listings[handle] = listing
        return handle

    @_answer
    async def readdir(self, handle: int, start: int, token: object) -> None:
        """Tell of some of the entries of a directory."""
        listing = self._listings[handle]
        for at in range(start, len(listing)):
            name, node = listing[at]
            number = self._inodes.number(node)
            entry = self._entry(number, node, brief_attributes(node))
            if not self.fuse.readdir_reply(token, os.fsencode(name), entry, at + 1):
                self._inodes.forget([(number, 0)])
                return
            if name != ".":
                self._inodes.remember(number)

    @_answer
    async def releasedir(self, handle: int) -> None:
        """Let go of the list of a directory."""
        del self._listings[handle]

    @_answer
    async def statfs(self, context: Context) -> Room:
        """Tell how much room there is for files that are being written; nobody knows about repositories."""
        import tempfile

        room = await offload(lambda: os.statvfs(tempfile.gettempdir()))
        data = self.fuse.StatvfsData()
        data.f_bsize, data.f_frsize, data.f_namemax = room.f_bsize, room.f_frsize, room.f_namemax
        data.f_blocks, data.f_bfree, data.f_bavail = room.f_blocks, room.f_bfree, room.f_bavail
        data.f_files, data.f_ffree, data.f_favail = room.f_files, room.f_ffree, room.f_favail
        return data

    # Reading and writing

    @_answer
    async def open(self, inode: int, flags: int, context: Context) -> OpenedFile:
        """Open a file."""
        return self._opened(await self._files.open(self._inodes.node(inode), flags, context.pid))

    @_answer
    async def create(
        self, parent: int, name: bytes, mode: int, flags: int, context: Context
    ) -> tuple[OpenedFile, Entry]:
        """Make a file and open it."""
        directory = self._inodes.node(parent)
        node, handle = self._files.create(directory, os.fsdecode(name), flags, mode, context.pid)
        return self._opened(handle), self._told(node, brief_attributes(node))

    @_answer
    async def read(self, handle: int, offset: int, size: int) -> bytes:
        """Get bytes from an open file."""
        return await self._handles[handle].read(offset, size)

    @_answer
    async def write(self, handle: int, offset: int, data: bytes) -> int:
        """Put bytes into an open file."""
        await self._handles[handle].write(offset, data)
        return len(data)

    @_answer
    async def flush(self, handle: int) -> None:
        """Take note that a program has closed a file."""
        await self._handles[handle].flush()

    @_answer
    async def fsync(self, handle: int, datasync: bool) -> None:
        """Say whether all that was written has been kept."""
        await self._handles[handle].sync()

    @_answer
    async def release(self, handle: int) -> None:
        """Take note that a file is not open any more."""
        await self._files.release(self._handles.pop(handle))

    # Changing what there is

    @_answer
    async def setattr(
        self, inode: int, wanted: Entry, fields: ChangedFields, handle: int | None, context: Context
    ) -> Entry:
        """Change attributes of a file."""
        node = self._inodes.node(inode)
        changes = Changes(
            size=wanted.st_size if fields.update_size else None,
            permissions=wanted.st_mode if fields.update_mode else None,
            user=wanted.st_uid if fields.update_uid else None,
            group=wanted.st_gid if fields.update_gid else None,
        )
        await self._files.change(node, changes)
        return self._entry(inode, node, await attributes(node))

    @_answer
    async def mkdir(self, parent: int, name: bytes, mode: int, context: Context) -> Entry:
        """Make a directory, which is a job where jobs are directories.

        The kernel insists on a directory for an answer. Only when it asks again, it gets the symbolic link.
        """
        node = await self._files.make_directory(self._inodes.node(parent), os.fsdecode(name))
        entry = self._told(node, Attributes(stat.S_IFDIR | 0o755))
        self._inodes.withdraw(node)
        return entry

    @_answer
    async def unlink(self, parent: int, name: bytes, context: Context) -> None:
        """Delete a file, and with it the job."""
        self._inodes.withdraw(await self._files.remove(self._inodes.node(parent), os.fsdecode(name)))

    @_answer
    async def rename(
        self, parent: int, name: bytes, new_parent: int, new_name: bytes, flags: int, context: Context
    ) -> None:
        """Call a file by another name."""
        if flags & self.fuse.RENAME_EXCHANGE:
            raise Refusal(errno.EINVAL)
        source = self._inodes.node(parent), os.fsdecode(name)
        target = self._inodes.node(new_parent), os.fsdecode(new_name)
        for gone in await self._files.rename(source, target, may_replace=not flags & self.fuse.RENAME_NOREPLACE):
            self._inodes.withdraw(gone)

    # What answers are made of

    def _opened(self, handle: Handle) -> OpenedFile:
        """Tell the kernel to come for every byte, as what it remembered could be of another value."""
        number = next(self._new_handles)
        self._handles[number] = handle
        return self.fuse.FileInfo(fh=number, direct_io=True, keep_cache=False)

    def _told(self, node: Node, found: Attributes) -> Entry:
        """Give the attributes of a node in an answer after which the kernel knows its number."""
        number = self._inodes.number(node)
        self._inodes.remember(number)
        return self._entry(number, node, found)

    def _entry(self, number: int, node: Node, found: Attributes) -> Entry:
        entry = self.fuse.EntryAttributes()
        entry.st_ino, entry.st_mode, entry.st_nlink = number, found.mode, found.links
        entry.st_uid, entry.st_gid = found.owner or (os.getuid(), os.getgid())
        entry.st_size, entry.st_blocks, entry.st_blksize = found.size, -(-found.size // 512), _BLOCK
        entry.st_atime_ns = entry.st_mtime_ns = entry.st_ctime_ns = found.modified_ns
        entry.entry_timeout = entry.attr_timeout = 0.0 if isinstance(node, JobFile | DraftFile) else _ALWAYS
        return entry
