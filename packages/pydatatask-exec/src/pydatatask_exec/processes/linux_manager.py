"""The base class of the managers of Linux machines: this one, and those reached over SSH."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path, PurePath
from typing import Literal, overload

from typing_extensions import override

from pydatatask_core.errors import DefinitionError
from pydatatask_core.repositories.blobs import OpenMode
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_core.streams.text import AReadText, AWriteText
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.manager import AbstractProcessManager
from pydatatask_exec.processes.stdout_marker import StderrIsStdout

__all__ = ["LinuxProcessManager", "group_warning"]


class LinuxProcessManager(AbstractProcessManager):
    """Keep the jobs of an application in a directory of a Linux machine.

    :param app: What to call the directory of this pipeline.
    :param root: Where the directories of the applications are.
    :param kill_grace: How many seconds pass between SIGTERM and SIGKILL.
    :raises DefinitionError: ``app`` cannot be the name of a directory.
    """

    def __init__(self, app: str, root: Path, kill_grace: float) -> None:
        if app in ("", ".", "..") or "/" in app or "\0" in app:
            raise DefinitionError(f"{app!r} cannot be the app of a process manager: it becomes the name of a directory")
        self.app: str = app
        self.kill_grace: float = kill_grace
        self._root = root
        self._basedir = root / app

    @property
    @override
    def basedir(self) -> Path:
        return self._basedir

    @override
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
        error = stdout if isinstance(stderr, StderrIsStdout) else stderr
        return await self._spawn(Launch(args, cwd, return_code, environ, stdin, stdout, error))

    @abstractmethod
    async def _spawn(self, launch: Launch) -> str:
        """Launch a process that is no claimed job; return its identifier.

        :param launch: What to run.
        """

    @overload
    async def open(self, path: Path, mode: Literal["r"]) -> AReadText: ...
    @overload
    async def open(self, path: Path, mode: Literal["rb"]) -> AReadStream: ...
    @overload
    async def open(self, path: Path, mode: Literal["w"]) -> AWriteText: ...
    @overload
    async def open(self, path: Path, mode: Literal["wb"]) -> AWriteStream: ...

    @override
    async def open(self, path: Path, mode: OpenMode) -> AReadText | AWriteText | AReadStream | AWriteStream:
        match mode:
            case "r":
                return AReadText(await self._reader(path))
            case "rb":
                return await self._reader(path)
            case "w":
                return AWriteText(await self._writer(path))
            case "wb":
                return await self._writer(path)
        raise ValueError(f"{mode!r} is not a mode to open {path} with: use 'r', 'rb', 'w' or 'wb'")

    @abstractmethod
    async def _reader(self, path: Path) -> AReadStream:
        """Open a file for reading.

        :param path: The file.
        """

    @abstractmethod
    async def _writer(self, path: Path) -> AWriteStream:
        """Open a file for writing; it is in place once it is closed.

        :param path: The file.
        """


def group_warning(path: PurePath, group: int) -> str:
    """Return what to say of a directory that its group can write. The group of a user alone has the user's number.

    :param path: The directory.
    :param group: The group.
    """
    return (
        f"group {group} can write {path}, so its members could replace the scripts that are run; unless you trust "
        f"them all, take that right away: chmod g-w {path}"
    )
