"""The access that a pipeline needs to a repository that it validates.

``validate`` takes no arguments, and users override it, so the access is passed in a context variable. Outside a
pipeline, a repository is validated for writing.
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import Enum

__all__ = ["Access", "validation_access"]


class Access(Enum):
    """What the pipeline does with a repository once it is validated."""

    OBSERVE = "observe"
    """Only queried, by a command that must create nothing, not even the directory or bucket for values."""

    READ = "read"
    """Read by tasks; the directory or bucket may be created, but need not be writable."""

    WRITE = "write"
    """Written by tasks; the directory or bucket is created and must be writable."""


validation_access: ContextVar[Access] = ContextVar("validation_access", default=Access.WRITE)
"""The access to the repository that is being validated."""
