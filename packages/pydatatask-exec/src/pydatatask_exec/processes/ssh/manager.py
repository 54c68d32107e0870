"""The process manager for a machine reached over SSH."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_core.errors import DefinitionError, UnwritableStoreError
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.linux_manager import LinuxProcessManager, group_warning
from pydatatask_exec.processes.ssh import shell_requests
from pydatatask_exec.processes.ssh.errors import translated
from pydatatask_exec.processes.ssh.files import RemoteReader, RemoteWriter
from pydatatask_exec.processes.ssh.target import Channels, SSHTarget, end_process
from pydatatask_exec.processes.ssh.workspace import SSHWorkspace
from pydatatask_exec.processes.workspace import Workspace

if TYPE_CHECKING:
    import asyncssh

__all__ = ["SSHLinuxManager"]

log: logging.Logger = logging.getLogger("pydatatask.proc")


class SSHLinuxManager(LinuxProcessManager):
    """A process manager that runs its processes on a remote Linux machine, accessed over SSH.

    The connection is parameterized by an :class:`asyncssh.SSHClientConnection`. Sample usage::

        session = pydatatask.Session()

        @session.resource
        async def ssh():
            async with asyncssh.connect("localhost", username="weh", known_hosts=None) as connection:
                yield connection

        @session.resource
        async def procman():
            yield pydatatask.SSHLinuxManager("myapp", ssh)

        task = pydatatask.ProcessTask("mytask", procman, ...)

    With :class:`~pydatatask_exec.processes.ssh.connection.ReconnectingSSH` as the resource, a connection that drops is
    made again. On it there are two channels at a time, however many jobs there are.

    :param app: What to call the directory of this pipeline on the target.
    :param ssh: A callable returning the connection; if it returns another one than before, that one is used.
    :param remote_path: Where to store data on the target: an absolute path.
    :param kill_grace: How many seconds pass between SIGTERM and SIGKILL.
    :raises DefinitionError: ``app`` cannot be the name of a directory, or ``remote_path`` is relative.
    """

    def __init__(
        self,
        app: str,
        ssh: Callable[[], asyncssh.SSHClientConnection],
        remote_path: Path | str = "/tmp/pydatatask",
        *,
        kill_grace: float = 10.0,
    ) -> None:
        super().__init__(app, Path(remote_path), kill_grace)
        if not self._root.is_absolute():
            raise DefinitionError(f"remote_path {str(remote_path)!r} is relative: name the whole path on the target")
        self._target = SSHTarget(ssh, f"the SSH target of {app}")
        self._checked: Channels | None = None
        self._warned: set[Path] = set()

    @property
    def ssh(self) -> asyncssh.SSHClientConnection:
        """The connection. Raises an error if it is provided by a session which is not open."""
        return self._target.connection()

    async def _channels(self) -> Channels:
        """Return the channels. With each new connection, the base directory is checked first."""
        channels = await self._target.channels()
        if channels is not self._checked:
            await self._check_basedir(channels)
            self._checked = channels
        return channels

    async def _check_basedir(self, channels: Channels) -> None:
        """Make the base directory, and refuse one in which another user could put what we then run."""
        answer = await channels.shell.ask(shell_requests.owners_code(self._root, self._basedir))
        user = channels.shell.facts.user
        for path, line, allowed in zip((self._root, self._basedir), answer, ({0, user}, {user}), strict=True):
            owner, mode, group = line.split(" ")
            is_sticky = path == self._root and mode[9:10] in ("t", "T")
            if not owner.isdecimal() or int(owner) not in allowed:
                problem = (
                    f"{path} belongs to user {owner}" if owner.isdecimal() else f"{path} cannot be made or written"
                )
            elif mode[8:9] == "w" and not is_sticky:
                problem = f"every user can write {path}, and so replace the scripts that are run"
            else:
                if mode[5:6] == "w" and not is_sticky and group != str(user) and path not in self._warned:
                    self._warned.add(path)
                    log.warning("%s: %s", self._target.name, group_warning(path, int(group)))
                continue
            raise UnwritableStoreError(
                f"processes cannot be kept in {self._basedir} on {self._target.name}: {problem}; give SSHLinuxManager "
                "another remote_path of your own"
            )

    @override
    async def get_live_pids(self, hint: set[str]) -> set[str]:
        channels = await self._channels()
        pids = sorted(hint)
        answer = await channels.shell.ask(shell_requests.alive_code(pids)) if pids else []
        return {pids[int(line)] for line in answer}

    @override
    async def _spawn(self, launch: Launch) -> str:
        channels = await self._channels()
        answer = await channels.shell.ask_background(shell_requests.spawn_code(launch, channels.shell.facts))
        return answer.removeprefix("pid ")

    @override
    async def kill(self, pid: str) -> None:
        await end_process(await self._channels(), shell_requests.end_code(pid, self.kill_grace), pid)

    @override
    async def _reader(self, path: Path) -> AReadStream:
        return await RemoteReader.open((await self._channels()).sftp, path, self._target.name)

    @override
    async def _writer(self, path: Path) -> AWriteStream:
        return await RemoteWriter.open((await self._channels()).sftp, path, self._target.name)

    @override
    async def mkdir(self, path: Path) -> None:
        channels = await self._channels()
        with translated(f"{path} on {self._target.name}"):
            await channels.sftp.makedirs(path, exist_ok=True)

    @override
    async def rmtree(self, path: Path) -> None:
        channels = await self._channels()
        await channels.shell.ask(shell_requests.remove_code([path]))

    @override
    async def workspace(self, task: str) -> Workspace:
        channels = await self._channels()
        workspace = SSHWorkspace(self._target, self._basedir, task, self.kill_grace)
        # Before any job is found ready, so that other controllers are noticed from then on.
        await workspace.prepare(channels)
        return workspace
