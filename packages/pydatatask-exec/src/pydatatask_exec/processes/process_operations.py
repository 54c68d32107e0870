"""What a process manager has to define: how to launch processes on a target and how to use its files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal, overload

from pydatatask_core.repositories.blobs import OpenMode
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_core.streams.text import AReadText, AWriteText
from pydatatask_exec.processes.stdout_marker import StderrIsStdout

__all__ = ["ProcessOperations"]


class ProcessOperations(ABC):
    """The abstract members of a process manager. What uses nothing else works with the manager of any third party."""

    @abstractmethod
    async def get_live_pids(self, hint: set[str]) -> set[str]:
        """Get a set of the live process identifiers.

        This may include processes which are not part of the current app or task, but must include all the processes in
        ``hint`` which are still alive.

        :param hint: The process identifiers that the caller asks about.
        """

    @abstractmethod
    async def spawn(
        self,
        args: list[str],
        environ: dict[str, str],
        cwd: str,
        return_code: str,
        stdin: str | None,
        stdout: str | None,
        stderr: str | StderrIsStdout | None,
    ) -> str:
        """Launch a process on the target system. This must not wait until the process has terminated.

        :param args: The command line of the process to launch; ``args[0]`` is the executable to run.
        :param environ: A set of environment variables to add to the target process' environment.
        :param cwd: The directory to launch the process in.
        :param return_code: A file path in which to store the process exit code, as an ASCII integer.
        :param stdin: A file path from which to read the process' stdin, or None for a null file.
        :param stdout: A file path to which to write the process' stdout, or None for a null file.
        :param stderr: A file path to which to write the process' stderr, None for a null file, or the constant
            ``STDOUT`` to interleave it into the stdout stream.
        :returns: The process identifier of the process spawned.
        """

    @abstractmethod
    async def kill(self, pid: str) -> None:
        """Terminate the process with the given identifier.

        This does nothing if the process is not running. It must not keep the ``return_code`` file from being populated.

        :param pid: The process identifier.
        """

    @property
    @abstractmethod
    def basedir(self) -> Path:
        """A path on the target system to a directory which can be freely manipulated by the app."""

    @overload
    async def open(self, path: Path, mode: Literal["r"]) -> AReadText: ...
    @overload
    async def open(self, path: Path, mode: Literal["rb"]) -> AReadStream: ...
    @overload
    async def open(self, path: Path, mode: Literal["w"]) -> AWriteText: ...
    @overload
    async def open(self, path: Path, mode: Literal["wb"]) -> AWriteStream: ...

    @abstractmethod
    async def open(self, path: Path, mode: OpenMode) -> AReadText | AWriteText | AReadStream | AWriteStream:
        """Open the file on the target system for reading or writing according to the given mode.

        :param path: The file.
        :param mode: ``"r"`` and ``"w"`` for text in UTF-8, ``"rb"`` and ``"wb"`` for bytes.
        :raises FileNotFoundError: It is to be read, and is not there.
        :raises ValueError: The mode is unknown.
        """

    @abstractmethod
    async def mkdir(self, path: Path) -> None:
        """Create a directory with the given path on the target system.

        This has the semantics of ``mkdir -p``: it creates any necessary parent directories, and also succeeds if the
        directory already exists.

        :param path: The directory.
        """

    @abstractmethod
    async def rmtree(self, path: Path) -> None:
        """Remove a directory and all its children with the given path on the target system.

        :param path: The directory.
        """
