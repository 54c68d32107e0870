"""Records of exit statuses: files that are open since before the job began, as there may be no room for them later."""

from __future__ import annotations

import os
import stat

from .protocol import IDENTITY

__all__ = ["Record"]


class Record:
    """The file for the exit status of a job.

    :param descriptor: It, open, with room for the status.
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

        :param line: The status, and the newline that tells that it is complete.
        :raises OSError: It cannot be recorded now.
        """
        os.pwrite(self._descriptor, line, 0)
        try:
            os.utime(self._descriptor)  # the kernel's own time of a change is that of its last tick
        except OSError:
            pass  # a less exact time is true as well
        if not self._is_in_place():
            self._write_anew(line)

    def _is_in_place(self) -> bool:
        """Tell whether the file is still where it was, as far as that can be told: jobs can remove what they like."""
        try:
            return os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(self._descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def _write_anew(self, line: bytes) -> None:
        """Make the file again, unless the directory is gone, or by now another's, as the job has been forgotten."""
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
        """Tell whether a directory is that of the job: no other is without an identity."""
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
    """Write a file; what is in its place and is no file is moved out of the way."""
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
