"""Errors as the numbers that programs know."""

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
"""What an error is to a program; the first that fits counts."""


class Refusal(Exception):
    """What a program asked for cannot be; the number says all that there is to say.

    :param number: The ``errno``.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @override
    def __str__(self) -> str:
        return os.strerror(self.number)


def errno_of(error: Exception) -> int:
    """Give the number that an error amounts to; it is EIO for what is not known.

    :param error: What a repository, or we, raised.
    """
    if isinstance(error, Refusal):
        return error.number
    if isinstance(error, OSError) and error.errno:
        return error.errno
    return next((number for kind, number in _NUMBERS if isinstance(error, kind)), errno.EIO)


def is_expected(error: Exception) -> bool:
    """Tell whether an error needs no words beyond its number, as nothing is wrong with a store.

    :param error: What a repository, or we, raised.
    """
    return isinstance(error, Refusal | JobNotFoundError | UnknownRelationError)
