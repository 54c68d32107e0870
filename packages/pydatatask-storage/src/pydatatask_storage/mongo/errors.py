"""Translation of MongoDB clients' errors into errors of repositories."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pydatatask_core.errors import PydatataskError, StoreError, StoreRefusedError, StoreUnreachableError
from pydatatask_storage.remote.missing_extras import needs_extra
from pydatatask_storage.remote.redaction import secret_free, without_secrets

__all__ = ["mongo_errors", "require_mongo"]

_REFUSALS = frozenset({11, 13, 18, 33, 334, 391, 8000})
"""The server's error codes for missing or wrong credentials, or insufficient rights."""


def require_mongo() -> None:
    """Make sure that the library for MongoDB is installed.

    :raises MissingExtraError: It is not.
    """
    with needs_extra("mongo", "bson", "pymongo"):
        import bson
        from pymongo import errors

        assert bson
        assert errors


@contextmanager
def mongo_errors(place: str) -> Generator[None]:
    """Raise errors of the MongoDB client as errors that name the store.

    :param place: What to call the store in messages, never with credentials.
    :raises StoreRefusedError: Credentials are missing, or do not suffice.
    :raises StoreUnreachableError: The server cannot be reached, did not answer in time, or was cut off.
    :raises StoreError: It failed otherwise.
    """
    try:
        yield
    except PydatataskError:
        raise
    except Exception as error:
        failure = _translate(error, place)
        if failure is None:
            raise
        raise failure from secret_free(error)


def _translate(error: Exception, place: str) -> StoreError | None:
    """Return the error to raise instead, or None if the client did not raise this one."""
    require_mongo()
    from pymongo import errors

    said = without_secrets(error)
    if isinstance(error, errors.OperationFailure) and error.code in _REFUSALS:
        return StoreRefusedError(f"{place}: access was refused; look at the credentials and their rights; {said}")
    if isinstance(error, (errors.ConnectionFailure, OSError)):
        return StoreUnreachableError(f"{place} cannot be reached, or did not answer in time: {said}")
    if isinstance(error, errors.PyMongoError):
        return StoreError(f"{place}: {said}")
    return None
