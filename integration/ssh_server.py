"""Debian's sshd, on a free port, with keys made for the tests; or another server given by the environment.

PYDATATASK_TEST_SSH_HOST (with _PORT, _USER and _KEY, a file) names a server to use instead. It has to let tests use
`/tmp`, and the tests that look at its files through a side door need it to be this machine.
"""

from __future__ import annotations

import gc
import getpass
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from integration.server_process import HOST, free_port, program, running
from integration.tcp_proxy import TCPProxy, tcp_proxy

_CONFIG = """
Port {port}
ListenAddress {host}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
MaxSessions {sessions}
AcceptEnv NOTHING
LogLevel VERBOSE
{more}
"""

SFTP = "Subsystem sftp internal-sftp"

MAX_SESSIONS = 10


@dataclass(frozen=True)
class SSHServer:
    """How to reach a server."""

    host: str
    port: int
    user: str
    key: str
    is_local: bool
    """Whether its files are those of this machine."""

    async def connect(self, port: int | None = None, known_hosts: str | None = None) -> asyncssh.SSHClientConnection:
        """Connect, perhaps through a proxy at another port. By default, any host key is trusted."""
        return await asyncssh.connect(
            self.host, port or self.port, username=self.user, client_keys=[self.key], known_hosts=known_hosts, config=[]
        )


def _key(path: Path) -> Path:
    subprocess.run(
        [program("ssh-keygen", "apt-get install openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f", str(path)],
        check=True,
    )
    return path


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServer]:
    """A server, for the whole session."""
    environ = os.environ
    if "PYDATATASK_TEST_SSH_HOST" in environ:
        yield SSHServer(
            environ["PYDATATASK_TEST_SSH_HOST"],
            int(environ.get("PYDATATASK_TEST_SSH_PORT", "22")),
            environ.get("PYDATATASK_TEST_SSH_USER", getpass.getuser()),
            environ["PYDATATASK_TEST_SSH_KEY"],
            False,
        )
        return
    with own_server(tmp_path_factory.mktemp("sshd"), SFTP) as server:
        yield server


@contextmanager
def own_server(directory: Path, more: str) -> Iterator[SSHServer]:
    """Run a server on this machine.

    :param directory: Where its keys and its log go.
    :param more: More of its configuration, as :data:`SFTP`.
    """
    sshd = program("sshd", "apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it confines what is not trusted yet
    _key(directory / "host_key")
    key = _key(directory / "key")
    (directory / "authorized_keys").write_bytes((directory / "key.pub").read_bytes())
    port = free_port()
    (directory / "config").write_text(
        _CONFIG.format(port=port, host=HOST, directory=directory, sessions=MAX_SESSIONS, more=more), "utf-8"
    )
    with running([sshd, "-D", "-e", "-f", str(directory / "config")], port, directory / "log"):
        yield SSHServer(HOST, port, getpass.getuser(), str(key), True)


@pytest.fixture
async def ssh_connection(ssh_server: SSHServer) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to the server."""
    async with await ssh_server.connect() as connection:
        yield connection


@pytest.fixture
async def ssh_proxy(ssh_server: SSHServer) -> AsyncIterator[TCPProxy]:
    """A proxy in front of the server, that cuts connections."""
    async with tcp_proxy(ssh_server.host, ssh_server.port) as proxy:
        yield proxy
    gc.collect()  # asyncssh leaves tasks behind whose errors nobody has seen, and asyncio complains when they go


Connect = Callable[[], Awaitable[asyncssh.SSHClientConnection]]
"""Makes a connection."""
