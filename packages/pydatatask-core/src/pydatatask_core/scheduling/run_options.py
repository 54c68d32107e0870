"""Options of a run."""

from __future__ import annotations

from dataclasses import dataclass

from pydatatask_core.scheduling.polling import POLL_SECONDS

__all__ = ["RunOptions"]


@dataclass(frozen=True)
class RunOptions:
    """The arguments of ``Pipeline.run`` that the scheduler needs."""

    forever: bool = False
    """Whether to keep running when there is nothing left to do."""

    launch_once: bool = False
    """Whether to launch only what the first reconcile finds ready, and then only to reap it."""

    poll_seconds: tuple[float, float] = POLL_SECONDS
    """The shortest and the longest wait between two reconciles; the wait doubles while nothing happens."""
