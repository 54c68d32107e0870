"""Staged files: values are written under another name, and renamed once complete, so that they appear atomically."""

from __future__ import annotations

import logging
import os
import re
import stat
import time
from collections.abc import Iterable
from contextlib import suppress

from typing_extensions import override

from pydatatask_storage.files.locks import is_locked, lock
from pydatatask_storage.files.synced import sync_directory
from pydatatask_storage.files.tree_removal import remove_tree

__all__ = ["StagedFile", "is_staged_name", "staged_name", "staged_names", "sweep"]

_log = logging.getLogger("pydatatask.repository")
_PATTERN = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)
_SECONDS_TO_SWEEP = 24 * 60 * 60
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def staged_name(name: str) -> str:
    """Return a new name under which a value is staged: ``.NAME.RANDOM.tmp``.

    :param name: The final name of the value.
    """
    return f".{name}.{os.urandom(8).hex()}.tmp"


def is_staged_name(name: str) -> bool:
    """Return whether a file is a staged one, which repositories never list.

    :param name: The name of a file, without its directory.
    """
    return name.startswith(".") and _PATTERN.fullmatch(name) is not None


class StagedFile:
    """Bytes that become a file atomically. All methods block, and are called from a worker thread.

    :param target: The absolute path of the file.
    :param fsync: Whether the bytes are on the disk, and survive a power failure, once :meth:`commit` returns.
    """

    def __init__(self, target: str, fsync: bool = False) -> None:
        self.target = target
        self.fsync = fsync
        self._descriptor: int | None = None
        self._path: str | None = None
        self._locked = False

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.target}>"

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes to the staged file. It stays locked from now on, however long the next bytes take to come.

        :param data: The bytes that come next.
        :raises OSError: Not all of them can be written.
        """
        descriptor = self._open()
        if not self._locked:
            self._locked = True
            lock(descriptor)
        _write_all(descriptor, data)

    def commit(self, data: bytes = b"") -> None:
        """Append the last bytes, and replace the target by the staged file.

        :param data: The last bytes.
        :raises OSError: The target is unchanged; call :meth:`discard`.
        """
        descriptor = self._open()
        _write_all(descriptor, data)
        self._keep_mode(descriptor)
        # The bytes must be on the disk before the rename is: otherwise a power failure can leave an empty file under
        # the final name. The rename itself is durable only once the directory is synced as well.
        if self.fsync:
            os.fsync(descriptor)
        self._descriptor = None
        os.close(descriptor)
        assert self._path is not None
        os.rename(self._path, self.target)
        self._path = None
        if self.fsync:
            sync_directory(os.path.dirname(self.target))

    def discard(self) -> None:
        """Remove the staged file, if there is one.

        :raises OSError: It cannot be removed.
        """
        descriptor, self._descriptor = self._descriptor, None
        path, self._path = self._path, None
        try:
            if descriptor is not None:
                os.close(descriptor)
        finally:
            if path is not None:
                _unlink_if_there(path)

    def _open(self) -> int:
        if self._descriptor is None:
            directory, _, name = self.target.rpartition("/")
            path = f"{directory}/{staged_name(name)}"
            self._descriptor = os.open(path, _NEW_FILE, 0o666)
            self._path = path
        return self._descriptor

    def _keep_mode(self, descriptor: int) -> None:
        if os.access(self.target, os.F_OK):  # half as long as an error of stat
            with suppress(FileNotFoundError):
                os.fchmod(descriptor, stat.S_IMODE(os.stat(self.target).st_mode))


def _unlink_if_there(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        data = memoryview(data)[written:]
        written = os.write(descriptor, data)


def staged_names(directory: str) -> list[str]:
    """List the names of staged files and directories in a directory.

    :param directory: The directory.
    :raises OSError: The directory cannot be listed.
    """
    # Of a hundred thousand names next to none begin with a dot, so this costs a third of asking each for more.
    return [name for name in os.listdir(directory) if name[0] == "." and is_staged_name(name)]


def sweep(directory: str, names: Iterable[str]) -> None:
    """Remove staged files and directories that have not been touched for a day and whose writers have died.

    What cannot be removed is logged and stays.

    :param directory: The directory that holds them.
    :param names: Their names.
    """
    oldest = time.time() - _SECONDS_TO_SWEEP
    for name in names:
        path = os.path.join(directory, name)
        try:
            status = os.lstat(path)
            if status.st_mtime < oldest and not is_locked(path):
                _remove(path, stat.S_ISDIR(status.st_mode))
        except FileNotFoundError:
            continue  # its writer, or another sweep, was faster
        except OSError as error:
            _log.warning("a file left behind by a writer that died cannot be removed: %s", error)


def _remove(path: str, is_directory: bool) -> None:
    if is_directory:
        remove_tree(path)
    else:
        os.unlink(path)
    _log.info("removed %s, left behind by a writer that died", path)
