"""How a run goes about it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RunOptions"]


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about it."""

    forever: bool = False
    """Whether to go on when all is quiet."""

    launch_once: bool = False
    """Whether to launch only what is ready at the first look, and then only to look after it."""

    poll_seconds: tuple[float, float] = (0.01, 1.0)
    """How long to wait for a hint before looking again: at first, and at most, when nothing has happened for long."""
