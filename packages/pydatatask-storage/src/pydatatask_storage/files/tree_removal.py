"""Removal of directory trees, with the read-only directories in them."""

from __future__ import annotations

import os
import stat

__all__ = ["remove_tree"]


def remove_tree(path: str) -> None:
    """Remove a directory and all that is in it.

    :param path: The directory.
    :raises OSError: Not all of it can be removed.
    """
    import shutil

    try:
        shutil.rmtree(path)
    except PermissionError:
        # Entries of a read-only directory can be removed only once it is writable; module caches and object stores of
        # other tools make such directories.
        if not _make_writable(path):
            raise
        shutil.rmtree(path)


def _make_writable(path: str) -> bool:
    """Give the owner all rights on the directories of a tree; return whether that changed any."""
    changed = False
    waiting = [path]
    while waiting:
        directory = waiting.pop()
        mode = stat.S_IMODE(os.lstat(directory).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(directory, mode | stat.S_IRWXU)
            changed = True
        with os.scandir(directory) as entries:
            waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    return changed
