"""Let a controller claim jobs without a check while no other controller of the task has come.

A pipeline has seen a while ago that a job is ready, and another controller may have done the job since. Only a check
after the claim is certain, which costs too much where there is no other controller. So each controller has a staging
directory, which shows that it is there, and one that is alone has a *lease*: a second staging directory, in which it
fills the claims that it makes without a check. Whoever comes later takes all leases away before it claims anything.

What makes that exact is the order. A lease is made before the others are listed; a staging directory is made before the
leases are listed. So of two controllers, one at least notices the other: either there is no lease, or it is taken away.
A lease covers only jobs that were found ready after it was made: all that others did before is seen by then.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pydatatask_exec.processes.local import job_directory
from pydatatask_exec.processes.local.process_sessions import is_alive, is_foreign
from pydatatask_exec.processes.workspace import staged_by, staged_name

__all__ = ["Lease", "OtherControllers", "fence", "sweep"]

_LEASE, _FENCED = "alone-", "fenced-"


class Lease(NamedTuple):
    """The right to claim jobs without a check."""

    staging: Path
    """The directory in which such claims are filled. Once it is taken away, none can be made."""

    token: int
    """When the parent of the staging directories last changed, in nanoseconds. Supervisors compare it, as earlier
    versions take no leases away."""

    since: float
    """The lease covers jobs that were found ready after this, by :func:`time.monotonic`."""


class OtherControllers:
    """The controllers of one task on this machine. All of it blocks.

    :param directory: The parent of the staging directories.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._own: set[str] = set()
        self._lost: list[str] = []
        self.lease: Lease | None = None
        """Our lease. It may have been taken away; the supervisor finds that out."""

    def enter(self, name: str) -> None:
        """Make a staging directory, and take away the leases of others.

        :param name: What to call it.
        """
        os.mkdir(self._directory / name, 0o700)
        self._own.add(name)
        # Again, until there is no other: a third controller may be taking the same lease away, and not have finished.
        fenced: set[str] = set()
        while leases := {other for other in self._others() if other.startswith((_LEASE, _FENCED))} - fenced:
            for lease in leases:
                fence(self._directory, lease)
            fenced |= leases

    def leave(self, name: str) -> None:
        """Remove a staging directory of our own.

        :param name: What it is called.
        """
        fence(self._directory, name)
        self._own.discard(name)

    def lose(self, lease: Lease | None) -> None:
        """Use a lease no more.

        :param lease: The lease.
        """
        if lease is not None and self.lease is lease:
            self.lease = None
            self._lost.append(lease.staging.name)

    def remove_lost(self) -> None:
        """Remove leases that are not used any more, so that no claim comes about by one of them."""
        while self._lost:
            self.leave(self._lost[0])
            del self._lost[0]

    def check(self, controller: str) -> Lease | None:
        """Return our lease. Without one, make one if there is no other controller.

        :param controller: The identity of this process.
        """
        self.remove_lost()
        if self.lease is None and not self._is_beside_others():
            name = staged_name(f"{_LEASE}{os.urandom(4).hex()}", controller)
            os.mkdir(self._directory / name, 0o700)
            self._own.add(name)
            token = os.stat(self._directory).st_mtime_ns
            if self._has_company():  # one that came before the lease was there, and may not have seen it
                self.leave(name)
            else:
                self.lease = Lease(self._directory / name, token, time.monotonic())
        return self.lease

    def _is_beside_others(self) -> bool:
        if self._others():
            sweep(self._directory)
        return self._has_company()

    def _has_company(self) -> bool:
        return any(not name.startswith(_FENCED) for name in self._others())

    def _others(self) -> list[str]:
        return [name for name in os.listdir(self._directory) if name not in self._own]


def fence(directory: Path, name: str) -> None:
    """Remove a staging directory in such a way that no claim comes about by it from now on.

    :param directory: Where it is.
    :param name: What it is called.
    """
    fenced = name if name.startswith(_FENCED) else f"{_FENCED}{os.urandom(4).hex()}{name[name.find('@') :]}"
    with suppress(FileNotFoundError):  # another controller removes it at the same time
        if fenced != name:
            os.rename(directory / name, directory / fenced)
        # A rename of a claim may have looked up the staging directory under its earlier name just before. It finds the
        # whole claim, or nothing: without this step it could find one from which files have been removed.
        for entry in os.listdir(directory / fenced):
            with suppress(FileNotFoundError):
                os.rename(directory / fenced / entry, directory / fenced / f"{os.urandom(4).hex()}.{_FENCED}")
        job_directory.remove(directory, [fenced])


def sweep(directory: Path) -> None:
    """Remove what processes have staged that are gone. The names of the files and directories tell which.

    :param directory: Where it is.
    """
    for name in os.listdir(directory) if directory.is_dir() else ():
        owner = staged_by(name)
        if not name.startswith(_FENCED) and (owner is None or is_alive(owner) or is_foreign(owner)):
            continue
        path = directory / name
        if path.is_dir():
            fence(directory, name)
        else:
            path.unlink(missing_ok=True)
