"""Record exit statuses in files that are open since before the job began, as the disk may be full by its end."""

from __future__ import annotations

import os
import stat

from .protocol import IDENTITY

__all__ = ["Record"]


class Record:
    """The file for the exit status of a job.

    :param descriptor: The open file, with room for the status.
    :param path: Its path.
    :param identity: The identity of the job's process, where the directory has been made for the job, or None.
    """

    __slots__ = ("_descriptor", "_identity", "_path")

    def __init__(self, descriptor: int, path: bytes, identity: bytes | None) -> None:
        self._descriptor = descriptor
        self._path = path
        self._identity = identity

    def write(self, line: bytes) -> None:
        """Record an exit status.

        :param line: The status, and the newline that completes it.
        :raises OSError: It cannot be recorded now.
        """
        os.pwrite(self._descriptor, line, 0)
        try:
            os.utime(self._descriptor)  # by itself, the kernel gives the time of its last tick, up to 10 ms ago
        except OSError:
            pass  # a less exact time will do
        if not self._is_in_place():
            self._write_again(line)

    def _is_in_place(self) -> bool:
        """Return whether the file is still in place, as jobs can remove what they like; True if that is unknown."""
        try:
            return os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(self._descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def _write_again(self, line: bytes) -> None:
        """Make the file again, unless the directory is gone or, after a kill, is that of another launch."""
        parent, name = os.path.split(self._path)
        try:
            directory = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            if self._is_ours(directory):
                _put_in_place(directory, name, line)
        finally:
            os.close(directory)

    def _is_ours(self, directory: int) -> bool:
        """Return whether a directory is that of this launch: every other has the identity of its own process."""
        if self._identity is None:
            return True
        try:
            marks = os.open(IDENTITY, os.O_RDONLY | os.O_NONBLOCK, dir_fd=directory)
        except FileNotFoundError:
            return True
        try:
            return self._identity in os.read(marks, 4096).split(b"\n")
        finally:
            os.close(marks)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _put_in_place(directory: int, name: bytes, line: bytes) -> None:
    """Write a file. What is in its place and is no regular file is moved out of the way."""
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            os.rename(name, name + b".other", src_dir_fd=directory, dst_dir_fd=directory)
    except FileNotFoundError:
        pass  # there is nothing in its place
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=directory)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
