"""Remove a directory tree atomically: it is never seen half removed."""

from __future__ import annotations

import errno
import os

from pydatatask_storage.files.errors import NO_SUCH_FILE
from pydatatask_storage.files.staged import staged_name
from pydatatask_storage.files.synced import sync_directory
from pydatatask_storage.files.tree_removal import remove_tree

__all__ = ["remove_directory"]

_CANNOT_MOVE = frozenset({errno.EBUSY, errno.EXDEV})


def remove_directory(path: str, fsync: bool = False) -> None:
    """Remove a directory and all that is in it; of a link to one, only the link.

    It is renamed first, to a name that no repository lists. If there is no directory, nothing happens.

    :param path: The directory.
    :param fsync: Whether to wait until it is gone from the disk.
    :raises OSError: Not all of it can be removed.
    """
    try:
        if not os.path.isdir(path):
            return
        if os.path.islink(path):
            os.unlink(path)
        else:
            aside = _set_aside(path)
            if fsync and aside != path:
                # Before anything below it goes, or a power failure could bring back a part of it under the old name.
                sync_directory(os.path.dirname(path))
            remove_tree(aside)
        if fsync:
            sync_directory(os.path.dirname(path))
    except OSError as error:
        if error.errno not in NO_SUCH_FILE:  # else another process was faster
            raise


def _set_aside(path: str) -> str:
    directory, name = os.path.split(path)
    # Removing a tree takes many calls. A rename is one, so readers see all of the job or nothing.
    aside = os.path.join(directory, staged_name(name))
    try:
        os.rename(path, aside)
    except OSError as error:
        if error.errno in _CANNOT_MOVE:  # something is mounted there
            return path
        raise
    return aside
