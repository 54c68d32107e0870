"""What a pipeline is about to do with a repository that it validates.

``validate`` takes no arguments, and users override it; so what the pipeline wants reaches it by way of a context
variable. Outside a pipeline, a repository is validated for writing.
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import Enum

__all__ = ["Access", "validation_access"]


class Access(Enum):
    """What will be done with a repository once it has been validated."""

    OBSERVE = "observe"
    """Looked at only, by a command that must create nothing: not even the place where values would be kept."""

    READ = "read"
    """Read by tasks; the place may be created, but need not be writable."""

    WRITE = "write"
    """Written by tasks; the place is created and must be writable."""


validation_access: ContextVar[Access] = ContextVar("validation_access", default=Access.WRITE)
"""What the repository being validated is about to be used for."""
