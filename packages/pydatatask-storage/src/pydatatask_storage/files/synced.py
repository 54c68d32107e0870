"""Changes of directories that survive a power failure."""

from __future__ import annotations

import os

__all__ = ["make_directories", "sync_directory"]


def sync_directory(path: str) -> None:
    """Wait until the entries of a directory are on the disk.

    :param path: The directory.
    :raises OSError: They may not be.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directories(path: str, fsync: bool) -> None:
    """Create a directory and the ones above it, so far as they are missing.

    :param path: The directory.
    :param fsync: Whether to wait until they are on the disk.
    :raises OSError: One of them cannot be created.
    """
    existing = path
    while fsync and not os.path.isdir(existing):
        existing = os.path.dirname(existing)
    os.makedirs(path, exist_ok=True)
    # A directory is an entry of its parent, so each parent has to be synced, down from the first one that existed.
    while fsync and path != existing:
        path = os.path.dirname(path)
        sync_directory(path)
