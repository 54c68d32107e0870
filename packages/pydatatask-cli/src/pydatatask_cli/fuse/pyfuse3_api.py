"""Types of the part of pyfuse3 that is used, and the import of pyfuse3 itself."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any, Protocol

from pydatatask_core.errors import MissingExtraError

__all__ = ["ChangedFields", "Context", "Entry", "Fuse", "OpenedFile", "Room", "load_fuse"]


class Entry(Protocol):
    """Attributes of a directory or file, in the form that the kernel gets."""

    st_ino: int
    st_mode: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_size: int
    st_blksize: int
    st_blocks: int
    st_atime_ns: int
    st_ctime_ns: int
    st_mtime_ns: int
    entry_timeout: float
    attr_timeout: float


class OpenedFile(Protocol):
    """How the kernel treats an open file."""

    fh: int
    direct_io: bool
    keep_cache: bool


class Context(Protocol):
    """The sender of a request."""

    @property
    def pid(self) -> int:
        """The number of the thread that sent it."""
        ...


class ChangedFields(Protocol):
    """The attributes to change."""

    @property
    def update_size(self) -> bool:
        """Whether the size is."""
        ...

    @property
    def update_mode(self) -> bool:
        """Whether the permissions are."""
        ...

    @property
    def update_uid(self) -> bool:
        """Whether the user is."""
        ...

    @property
    def update_gid(self) -> bool:
        """Whether the group is."""
        ...


class Room(Protocol):
    """Free space."""

    f_bsize: int
    f_frsize: int
    f_blocks: int
    f_bfree: int
    f_bavail: int
    f_files: int
    f_ffree: int
    f_favail: int
    f_namemax: int


class Fuse(Protocol):
    """The module ``pyfuse3``."""

    trio: object
    """The library that runs its tasks; it may be replaced before :meth:`main` is called."""

    RENAME_NOREPLACE: int
    RENAME_EXCHANGE: int

    def EntryAttributes(self) -> Entry:
        """Return attributes to fill in."""
        ...

    def FileInfo(self, fh: int, direct_io: bool, keep_cache: bool) -> OpenedFile:
        """Return the answer to a request that opens a file."""
        ...

    def StatvfsData(self) -> Room:
        """Return free space to fill in."""
        ...

    def FUSEError(self, errno: int) -> Exception:
        """Return the only error that a handler may raise."""
        ...

    def readdir_reply(self, token: object, name: bytes, attr: Entry, next_id: int) -> bool:
        """Add an entry to the answer, and return whether there was room for it."""
        ...

    def init(self, ops: object, mountpoint: str, options: Collection[str]) -> None:
        """Mount a file system.

        :raises RuntimeError: It cannot be mounted; the reason was written to standard error.
        """
        ...

    async def main(self, min_tasks: int, max_tasks: int) -> None:
        """Answer the kernel's requests until the file system is unmounted, or :meth:`terminate` is called."""
        ...

    def terminate(self) -> None:
        """Let :meth:`main` return when the requests that have come have been answered."""
        ...

    def close(self, unmount: bool = True) -> None:
        """Release the resources that :meth:`init` has acquired."""
        ...


def load_fuse() -> Fuse:
    """Import pyfuse3.

    :raises MissingExtraError: It is not installed.
    """
    try:
        module: Any = importlib.import_module("pyfuse3")
    except ImportError as error:
        raise MissingExtraError("pyfuse3", "pydatatask-cli[fuse]") from error
    fuse: Fuse = module
    return fuse
