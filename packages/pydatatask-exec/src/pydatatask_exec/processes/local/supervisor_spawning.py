"""Start the process of a supervisor, and let go of it once the event loop that spoke to it is gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydatatask_core.errors import LaunchError
from pydatatask_exec.processes.identity import own_scope
from pydatatask_exec.processes.local.child_watch import wait_for_child
from pydatatask_exec.processes.local.supervisor.protocol import no_more_requests
from pydatatask_exec.processes.local.supervisor_connection import Pipes, send_last

__all__ = ["Environment", "detach_all", "reap_detached", "spawn"]

_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from supervisor.program import main; main()"
_PACKAGE = str(Path(__file__).parent)

_detached: set[int] = set()
"""Supervisors whose event loop is gone, which are children of this process until somebody waits for them."""

Environment = Mapping[bytes, bytes]
"""The environment of a process."""


def spawn(environment: Environment) -> tuple[int, Pipes]:
    """Start the process of a supervisor; return its process id and our ends of the pipes."""
    if not sys.executable:
        raise LaunchError("jobs cannot be run on this machine, as sys.executable does not say where Python is")
    opened: list[int] = []
    try:
        opened += os.pipe()
        opened += os.pipe()
        asked, requests, answers, answering = opened
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", _PROGRAM, _PACKAGE, own_scope(), str(os.getpid())],
            {name: value for name, value in environment.items() if name},  # one without could not be handed over
            file_actions=[(os.POSIX_SPAWN_DUP2, asked, 0), (os.POSIX_SPAWN_DUP2, answering, 1)],
            setsid=True,
            setsigmask=[],
        )
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    os.close(asked)
    os.close(answering)
    return pid, (requests, answers)


def detach_all(open_pipes: dict[Pipes, int], parent: int) -> None:
    """Let supervisors end with their last jobs, without us, as their event loop is gone.

    :param open_pipes: The pipes to them, with their process ids.
    :param parent: The process that has started them. In one forked from it, nothing is done: the pipes are shared.
    """
    if os.getpid() != parent:
        return
    while open_pipes:
        pipes, pid = open_pipes.popitem()
        send_last(pipes, no_more_requests())
        _detached.add(pid)


def reap_detached() -> None:
    """Wait for detached supervisors that have ended, so that they do not stay zombies."""
    for pid in list(_detached):
        if wait_for_child(pid):
            _detached.discard(pid)
