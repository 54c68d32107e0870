"""Requests of the kernel that this file system refuses, or leaves to the kernel."""

from __future__ import annotations

import errno

from pydatatask_cli.fuse.pyfuse3_api import Fuse

__all__ = ["UnsupportedRequests"]


class UnsupportedRequests:
    """Refusals. ENOSYS makes the kernel handle such requests itself, and never ask again.

    :param fuse: The library.
    """

    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        """The library."""

    async def rmdir(self, *request: object) -> None:
        """Refuse to delete a directory: tasks and links are part of the pipeline."""
        raise self.fuse.FUSEError(errno.EPERM)

    async def symlink(self, *request: object) -> None:
        """Refuse to create a symbolic link."""
        raise self.fuse.FUSEError(errno.EPERM)

    async def link(self, *request: object) -> None:
        """Refuse to give a file a second name."""
        raise self.fuse.FUSEError(errno.EPERM)

    async def mknod(self, *request: object) -> None:
        """Refuse to create devices, pipes and sockets."""
        raise self.fuse.FUSEError(errno.EPERM)

    async def access(self, *request: object) -> bool:
        """Leave it to the kernel, which checks the permissions."""
        raise self.fuse.FUSEError(errno.ENOSYS)

    async def poll(self, *request: object) -> int:
        """Leave it to the kernel: files are always ready."""
        raise self.fuse.FUSEError(errno.ENOSYS)

    async def fsyncdir(self, *request: object) -> None:
        """Leave it to the kernel: directories have no state of their own."""
        raise self.fuse.FUSEError(errno.ENOSYS)

    async def getxattr(self, *request: object) -> bytes:
        """Have no extended attributes."""
        raise self.fuse.FUSEError(errno.ENOSYS)

    async def setxattr(self, *request: object) -> None:
        """Have no extended attributes."""
        raise self.fuse.FUSEError(errno.ENOSYS)

    async def listxattr(self, *request: object) -> list[bytes]:
        """Have no extended attributes."""
        raise self.fuse.FUSEError(errno.ENOSYS)

    async def removexattr(self, *request: object) -> None:
        """Have no extended attributes."""
        raise self.fuse.FUSEError(errno.ENOSYS)
