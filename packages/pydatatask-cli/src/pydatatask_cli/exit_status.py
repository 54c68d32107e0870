"""Exit statuses of commands.

- 2: what the user typed, or the definition of the pipeline, is wrong;
- 1: the command ran, and failed or found nothing;
- 3: ``run`` ran to its end, and jobs have failed;
- 128 + N: the command was ended by signal N, a reader of its output that went away included.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydatatask_core.errors import (
    DefinitionError,
    FunctionBindingError,
    InvalidJobIdError,
    MissingExtraError,
    TemplateNameError,
    UsageError,
)

__all__ = ["FAILURE", "JOBS_FAILED", "USAGE", "signal_status", "status_of_errors"]

FAILURE = 1
"""The command ran, and failed or found nothing."""

USAGE = 2
"""What the user typed, or the definition of the pipeline, is wrong."""

JOBS_FAILED = 3
"""``run`` ran to its end, and jobs have failed."""

_USER_ERRORS = (
    UsageError,
    DefinitionError,
    FunctionBindingError,
    InvalidJobIdError,
    MissingExtraError,
    TemplateNameError,
)


def signal_status(number: int) -> int:
    """Return the exit status of a command that was ended by a signal.

    :param number: The signal's number.
    """
    return 128 + number


def status_of_errors(errors: Iterable[Exception]) -> int:
    """Return the exit status of a command that failed.

    :param errors: What went wrong; no groups.
    """
    return USAGE if all(isinstance(error, _USER_ERRORS) for error in errors) else FAILURE
