"""The base directory of an application: made where it is used, refused where other users could replace our scripts."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from pathlib import Path

from pydatatask_core.errors import UnwritableStoreError
from pydatatask_exec.processes.linux_manager import group_warning

__all__ = ["BaseDirectory", "make_private"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_WARNED: set[str] = set()
"""The directories that have been warned about in this process."""


class BaseDirectory:
    """The base directory of one application on this machine. All of it blocks.

    :param root: Where the directories of the applications are.
    :param path: The directory of this one.
    """

    def __init__(self, root: Path, path: Path) -> None:
        self.path: Path = path
        """The directory."""
        self._root = root

    def make(self) -> None:
        """Make the directory, unless it is there.

        :raises UnwritableStoreError: It cannot be made or used, or another user could change what is in it.
        """
        try:
            make_private(self.path)
        except PermissionError as error:
            raise UnwritableStoreError(self._refusal(self._root, self._root_owner())) from error
        user = os.geteuid()
        for path in (self._root, self.path):
            status = path.stat()
            if status.st_uid not in (user, 0 if path == self._root else user):
                raise UnwritableStoreError(self._refusal(path, status.st_uid))
            # With the sticky bit, as /tmp has it, others can add entries, but not replace ours.
            sticky = path == self._root and status.st_mode & stat.S_ISVTX
            if status.st_mode & stat.S_IWOTH and not sticky:
                raise UnwritableStoreError(
                    f"processes cannot be kept in {self.path}: every user can write {path}, and so replace the scripts "
                    f"that are run; take that right away (chmod o-w {path}), or give LocalLinuxManager another "
                    "local_path"
                )
            if status.st_mode & stat.S_IWGRP and not sticky and status.st_gid != user and str(path) not in _WARNED:
                _WARNED.add(str(path))
                log.warning("%s", group_warning(path, status.st_gid))

    def lock(self) -> int:
        """Lock the directory, and return the open descriptor that holds the lock.

        Cleaners of temporary files, as that of systemd, leave a directory alone that is locked.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            pass  # some file systems have no locks, and then the directory is made again when it is gone
        return descriptor

    def _root_owner(self) -> int | None:
        return self._root.stat().st_uid if self._root.exists() else None

    def _refusal(self, path: Path, owner: int | None) -> str:
        is_foreign = owner not in (None, os.geteuid())
        reason = f"{path} belongs to user {owner}" if is_foreign else f"{path} cannot be written"
        return (
            f"processes cannot be kept in {self.path}: {reason}; give LocalLinuxManager another local_path of your own"
        )


def make_private(path: Path) -> None:
    """Make a directory and those above it. Those that are made are private.

    :param path: The directory.
    """
    if not path.is_dir():
        make_private(path.parent)
        path.mkdir(0o700, exist_ok=True)
