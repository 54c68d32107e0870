"""The constant ``STDOUT``, which sends a task's standard error where its standard output goes."""

from __future__ import annotations

from enum import Enum
from typing import Final

from typing_extensions import override

__all__ = ["STDOUT", "StderrIsStdout"]


class StderrIsStdout(Enum):
    """The type of :data:`STDOUT`: an enumeration of one, so that type checkers understand ``stderr is STDOUT``."""

    STDOUT = "stdout"
    """Interleave standard error into standard output."""

    @override
    def __repr__(self) -> str:
        return "<pydatatask.task._StderrIsStdout object>"


STDOUT: Final = StderrIsStdout.STDOUT
"""Give this as ``stderr`` to interleave standard error into standard output."""
