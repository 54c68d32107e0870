"""The error of a command that ran and failed."""

from __future__ import annotations

from pydatatask_core.errors import PydatataskError

__all__ = ["CommandFailedError"]


class CommandFailedError(PydatataskError):
    """The command ran, and found nothing or could not do what was asked."""
