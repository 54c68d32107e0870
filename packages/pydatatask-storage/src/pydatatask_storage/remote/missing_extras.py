"""Errors for missing optional libraries, which name the extra to install."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pydatatask_core.errors import MissingExtraError

__all__ = ["needs_extra"]


@contextmanager
def needs_extra(extra: str, *libraries: str) -> Generator[None]:
    """Translate a failing import, within a ``with`` block, into an error that names the extra to install.

    :param extra: The extra of this distribution, ``s3`` say.
    :param libraries: The packages that the extra brings; the error of any other import is passed on.
    :raises MissingExtraError: One of the libraries is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in libraries:
            raise
        raise MissingExtraError(library, f"pydatatask-storage[{extra}]") from error
