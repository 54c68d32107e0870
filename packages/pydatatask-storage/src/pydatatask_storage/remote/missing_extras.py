"""Telling which extra to install where an optional library is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydatatask_core.errors import MissingExtraError

__all__ = ["needs_extra"]


@contextmanager
def needs_extra(extra: str, *libraries: str) -> Iterator[None]:
    """Say what to install if one of the libraries that are imported within cannot be found.

    :param extra: The extra of this distribution, ``s3`` say.
    :param libraries: The packages that the extra brings; what else is missing is somebody else's error.
    :raises MissingExtraError: One of the libraries is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in libraries:
            raise
        raise MissingExtraError(library, f"pydatatask-storage[{extra}]") from error
