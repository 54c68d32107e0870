"""Let a controller claim jobs on a target without a check while no other controller of the task has come.

Each controller has a file in a directory that all of them list, and one that is alone has a second file, its *lease*.
Whoever comes later removes all leases before it claims anything. The shell looks for the lease after it has made a
claim, and before it starts anything: if the lease is there, whoever comes later sees the claim, and otherwise the claim
is withdrawn. A controller without a lease reserves a job first, and then checks whether it is still to be done. What a
lease covers is as in :mod:`pydatatask_exec.processes.local.other_controllers`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from pathlib import PurePath
from typing import NamedTuple

from pydatatask_exec.processes.ssh import shell_requests
from pydatatask_exec.processes.ssh.errors import translated
from pydatatask_exec.processes.ssh.target import Channels
from pydatatask_exec.processes.workspace import staged_name

__all__ = ["RemoteControllers", "RemoteLease", "Sweep"]

_LEASE = "alone-"

Sweep = Callable[[Channels, PurePath], Awaitable[list[str]]]
"""Removes what connections have left in a directory that are gone, and returns the names that remain."""


class RemoteLease(NamedTuple):
    """The right to claim jobs without a check."""

    token: str
    """What the shell has to list."""

    since: float
    """The lease covers jobs that were found ready after this, by :func:`time.monotonic`."""


class RemoteControllers:
    """The controllers of one task on a target.

    :param root: The directory of the task.
    :param target: What to call the target in messages.
    """

    def __init__(self, root: PurePath, target: str) -> None:
        self.directory: PurePath = root.parent / shell_requests.launching_name(root)
        """The directory that has the files of each controller."""
        self.lease: RemoteLease | None = None
        """Our lease. It may have been removed; the shell finds that out."""
        self.arrived: Channels | None = None
        """The connection over which we have shown that we are there."""
        self._target = target
        self._arriving = asyncio.Lock()
        self._own: list[str] = []

    def lose(self, lease: RemoteLease | None) -> None:
        """Use a lease no more.

        :param lease: The lease.
        """
        if self.lease is lease:
            self.lease = None

    async def arrive(self, channels: Channels, sweep: Sweep) -> None:
        """Show that this controller is there, and get a lease if no other one is.

        :param channels: What is open on the connection.
        :param sweep: Removes what controllers have left that are gone, and returns the names that remain.
        """
        async with self._arriving:
            if self.arrived is not channels:
                await self._enter(channels)  # after a lost connection, others may have come and gone
                self.arrived = channels
            if self.lease is None:
                await self._check(channels, await sweep(channels, self.directory))

    async def _names(self, channels: Channels) -> list[str]:
        """Return the files in the directory."""
        with translated(f"{self.directory} on {self._target}"):
            names = await channels.sftp.listdir(self.directory)
        return [str(name) for name in names if name not in (".", "..")]

    async def _enter(self, channels: Channels) -> None:
        """Show that this controller is there, and remove the leases of others."""
        self.lease, self._own = None, []
        await self._make(channels, "launch-")
        await self._remove(channels, [name for name in await self._names(channels) if name.startswith(_LEASE)])

    async def _check(self, channels: Channels, present: Collection[str]) -> None:
        """Make a lease if there is no other controller than those that are known to be gone."""
        await self._remove(channels, self._own[1:])
        del self._own[1:]
        if set(present) - set(self._own):
            return
        await self._make(channels, _LEASE)
        if set(await self._names(channels)) == set(self._own):
            token = " ".join(f"../{self.directory.name}/{name}" for name in sorted(self._own))
            self.lease = RemoteLease(token, time.monotonic())
        else:  # one has come before the lease was there, and may not have seen it
            await self._remove(channels, self._own[1:])
            del self._own[1:]

    async def leave(self, channels: Channels) -> None:
        """Show that this controller is gone.

        :param channels: What is open on the connection.
        """
        own, self._own, self.lease = self._own, [], None
        await self._remove(channels, reversed(own))

    async def _make(self, channels: Channels, prefix: str) -> None:
        name = staged_name(f"{prefix}{os.urandom(4).hex()}", channels.shell.facts.identity)
        with translated(f"{self.directory} on {self._target}"):
            async with channels.sftp.open(self.directory / name, "xb"):
                self._own.append(name)  # its name is all there is to it

    async def _remove(self, channels: Channels, names: Iterable[str]) -> None:
        for name in names:
            with suppress(FileNotFoundError), translated(f"{self.directory} on {self._target}"):
                await channels.sftp.remove(self.directory / name)
