"""What is used of pyfuse3, with types: the one place that knows where it comes from."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any, Protocol

from pydatatask_core.errors import MissingExtraError

__all__ = ["ChangedFields", "Context", "Entry", "Fuse", "OpenedFile", "Room", "load_fuse"]


class Entry(Protocol):
    """The attributes of a directory or file, as the kernel gets them."""

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
    """How the kernel is to deal with an open file."""

    fh: int
    direct_io: bool
    keep_cache: bool


class Context(Protocol):
    """Who asks."""

    @property
    def pid(self) -> int:
        """The process, or rather its thread."""
        ...


class ChangedFields(Protocol):
    """Which attributes are to be changed."""

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
    """How much room there is."""

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
    """What runs its tasks; it may be replaced before :meth:`main` is called."""

    RENAME_NOREPLACE: int
    RENAME_EXCHANGE: int

    def EntryAttributes(self) -> Entry:
        """Make attributes."""
        ...

    def FileInfo(self, fh: int, direct_io: bool, keep_cache: bool) -> OpenedFile:
        """Tell how to deal with an open file."""
        ...

    def StatvfsData(self) -> Room:
        """Make what tells how much room there is."""
        ...

    def FUSEError(self, errno: int) -> Exception:
        """Make the one error that a request may raise."""
        ...

    def readdir_reply(self, token: object, name: bytes, attr: Entry, next_id: int) -> bool:
        """Tell the kernel of an entry of a directory, and give whether there was room for it."""
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
        """Release what :meth:`init` has acquired."""
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
