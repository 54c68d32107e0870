"""Conversion of errors to errno values."""

from __future__ import annotations

import errno
import os

from typing_extensions import override

from pydatatask_core.errors import (
    InvalidJobIdError,
    JobNotFoundError,
    RecordTypeError,
    StoreUnreachableError,
    UnknownRelationError,
    UsageError,
)

__all__ = ["Refusal", "errno_of", "is_expected"]

_NUMBERS: tuple[tuple[type[Exception], int], ...] = (
    (JobNotFoundError, errno.ENOENT),
    (UnknownRelationError, errno.ENOENT),
    (InvalidJobIdError, errno.EINVAL),
    (RecordTypeError, errno.EINVAL),
    (UsageError, errno.EINVAL),
    (StoreUnreachableError, errno.EHOSTUNREACH),
    (TimeoutError, errno.ETIMEDOUT),
    (FileNotFoundError, errno.ENOENT),
    (PermissionError, errno.EACCES),
    (NotImplementedError, errno.EOPNOTSUPP),
)
"""The errno value of each error; the first that fits counts."""


class Refusal(Exception):
    """A request that cannot be carried out, for a reason that its errno value explains.

    :param number: The errno value.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @override
    def __str__(self) -> str:
        return os.strerror(self.number)


def errno_of(error: Exception) -> int:
    """Return the errno value of an error, EIO if there is no better one.

    :param error: What was raised while a request was carried out.
    """
    if isinstance(error, Refusal):
        return error.number
    if isinstance(error, OSError) and error.errno:
        return error.errno
    return next((number for kind, number in _NUMBERS if isinstance(error, kind)), errno.EIO)


def is_expected(error: Exception) -> bool:
    """Tell whether an error needs no explanation in the log, as nothing is wrong with a store.

    :param error: What was raised while a request was carried out.
    """
    return isinstance(error, Refusal | JobNotFoundError | UnknownRelationError)
