"""Handlers of the requests of the kernel, in the form that pyfuse3 calls."""

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
"""The size in which programs are advised to read and write."""
_ALWAYS = 24 * 60 * 60.0
"""Seconds for which the kernel may cache what does not change."""


def _answer(
    handler: Callable[Concatenate[Operations, P], Awaitable[T]],
) -> Callable[Concatenate[Operations, P], Awaitable[T]]:
    """Convert the errors of a handler to errno values, and log those that such a value does not explain."""

    @wraps(handler)
    async def answer(self: Operations, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await handler(self, *args, **kwargs)
        except Exception as error:
            raise self.failure(error, handler.__name__) from error

    return answer


class Operations(UnsupportedRequests):
    """Handlers of requests, which name files by inode and open files by number.

    :param fuse: The library.
    :param filesystem: What carries the requests out.
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
        """Do nothing: the file system is mounted."""

    def failure(self, error: Exception, request: str) -> Exception:
        """Return the error that pyfuse3 sends as an errno value, and log the original one if that does not explain it.

        :param error: What a handler raised.
        :param request: The name of the request.
        """
        number = errno_of(error)
        if not is_expected(error):
            known = number != errno.EIO
            _log.warning("%s: %s (%s)", request, error or type(error).__name__, os.strerror(number), exc_info=not known)
        return self.fuse.FUSEError(number)

    # Finding files

    @_answer
    async def lookup(self, parent: int, name: bytes, context: Context) -> Entry:
        """Find an entry of a directory."""
        node, found = await self._files.look_up_attributes(self._inodes.node(parent), os.fsdecode(name))
        return self._found(node, found)

    async def forget(self, forgotten: Sequence[tuple[int, int]]) -> None:
        """Release inodes that the kernel no longer uses."""
        self._inodes.forget(forgotten)

    @_answer
    async def getattr(self, inode: int, context: Context) -> Entry:
        """Return the attributes of a file."""
        node = self._inodes.node(inode)
        return self._entry(inode, node, await attributes(node))

    @_answer
    async def readlink(self, inode: int, context: Context) -> bytes:
        """Return the target of a symbolic link."""
        return os.fsencode(await self._files.read_link(self._inodes.node(inode)))

    @_answer
    async def opendir(self, inode: int, context: Context) -> int:
        """List a directory; readdir pages through this list."""
        node = self._inodes.node(inode)
        listing = [(".", node), *(await self._files.entries(node)).items()]
        handle = next(self._new_handles)
        self._listings[handle] = listing
        return handle

    @_answer
    async def readdir(self, handle: int, start: int, token: object) -> None:
        """Send entries of a directory, as many as the kernel has room for."""
        listing = self._listings[handle]
        for at in range(start, len(listing)):
            name, node = listing[at]
            number = self._inodes.number(node)
            entry = self._entry(number, node, brief_attributes(node))
            if not self.fuse.readdir_reply(token, os.fsencode(name), entry, at + 1):
                self._inodes.forget([(number, 0)])
                return
            # The kernel counts each entry that it was sent as a lookup, except "." and "..".
            if name != ".":
                self._inodes.remember(number)

    @_answer
    async def releasedir(self, handle: int) -> None:
        """Drop the list of a directory."""
        del self._listings[handle]

    @_answer
    async def statfs(self, context: Context) -> Room:
        """Return the free space for files that are being written; that of repositories is unknown."""
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
        """Create a file and open it."""
        directory = self._inodes.node(parent)
        node, handle = self._files.create(directory, os.fsdecode(name), flags, mode, context.pid)
        return self._opened(handle), self._found(node, brief_attributes(node))

    @_answer
    async def read(self, handle: int, offset: int, size: int) -> bytes:
        """Read bytes of an open file."""
        return await self._handles[handle].read(offset, size)

    @_answer
    async def write(self, handle: int, offset: int, data: bytes) -> int:
        """Write bytes to an open file."""
        await self._handles[handle].write(offset, data)
        return len(data)

    @_answer
    async def flush(self, handle: int) -> None:
        """Store a file that a program has closed, unless others may still write it."""
        await self._handles[handle].flush()

    @_answer
    async def fsync(self, handle: int, datasync: bool) -> None:
        """Report an earlier write that failed."""
        await self._handles[handle].sync()

    @_answer
    async def release(self, handle: int) -> None:
        """Release a file that no program has open any more."""
        await self._files.release(self._handles.pop(handle))

    # Changing files

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
        """Create a directory, which is a job where jobs are directories."""
        node = await self._files.make_directory(self._inodes.node(parent), os.fsdecode(name))
        # The kernel accepts only a directory as the answer. The next lookup gets the symbolic link that it really is,
        # under another inode, as the type of an inode must not change.
        entry = self._found(node, Attributes(stat.S_IFDIR | 0o755))
        self._inodes.withdraw(node)
        return entry

    @_answer
    async def unlink(self, parent: int, name: bytes, context: Context) -> None:
        """Delete a file and its job."""
        self._inodes.withdraw(await self._files.remove(self._inodes.node(parent), os.fsdecode(name)))

    @_answer
    async def rename(
        self, parent: int, name: bytes, new_parent: int, new_name: bytes, flags: int, context: Context
    ) -> None:
        """Rename a file."""
        if flags & self.fuse.RENAME_EXCHANGE:
            raise Refusal(errno.EINVAL)
        source = self._inodes.node(parent), os.fsdecode(name)
        target = self._inodes.node(new_parent), os.fsdecode(new_name)
        for gone in await self._files.rename(source, target, may_replace=not flags & self.fuse.RENAME_NOREPLACE):
            self._inodes.withdraw(gone)

    # Parts of answers

    def _opened(self, handle: Handle) -> OpenedFile:
        number = next(self._new_handles)
        self._handles[number] = handle
        # Without direct_io the kernel reads no more than the size that it was told, which may be unknown (0), and its
        # page cache could mix an old value with a new one.
        return self.fuse.FileInfo(fh=number, direct_io=True, keep_cache=False)

    def _found(self, node: Node, found: Attributes) -> Entry:
        """Return the attributes of a file in an answer that the kernel counts as a lookup of its inode."""
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
