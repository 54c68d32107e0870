"""Whether the scheduler launches a job, which has just seen that it is ready, or somebody does so by hand."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

__all__ = ["launched_by_scheduler"]

launched_by_scheduler: Final[ContextVar[bool]] = ContextVar("launched_by_scheduler", default=False)
"""Whether the launch in this context is one of the scheduler's. Its workers set it once and not for each job."""
