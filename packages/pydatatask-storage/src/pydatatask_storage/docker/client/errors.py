"""Translation of a Docker registry's errors into errors of repositories."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import aiohttp

from pydatatask_core.errors import PydatataskError, StoreError, StoreRefusedError, StoreUnreachableError
from pydatatask_storage.remote.missing_extras import needs_extra
from pydatatask_storage.remote.redaction import without_secrets

__all__ = ["docker_errors", "is_absent", "unauthorized"]


_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_TEMPORARY = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@contextmanager
def docker_errors(place: str) -> Generator[None]:
    """Raise errors of the registry and its client as errors that name the registry.

    The client's errors are not shown as causes: they hold the headers of the request, and so the credentials.

    :param place: What to call the registry in messages.
    :raises StoreRefusedError: Access was refused.
    :raises StoreUnreachableError: The registry cannot be reached, did not answer in time, or was cut off.
    :raises StoreError: It failed otherwise, or is not a registry.
    """
    try:
        yield
    except PydatataskError:
        raise
    except aiohttp.ContentTypeError as error:
        raise StoreError(f"{place} does not answer as a registry does: {error.message}") from None
    except aiohttp.ClientResponseError as error:
        raise _kind_of(error.status)(f"{place} answered {error.status} {error.message}") from None
    except (aiohttp.ClientError, OSError) as error:
        raise StoreUnreachableError(
            f"{place} cannot be reached, or did not answer in time: {without_secrets(error)}"
        ) from None
    except ValueError as error:  # of a body that is not JSON, or a header that the client library cannot parse
        raise StoreError(f"{place} does not answer as a registry does: {error}") from None


def _kind_of(status: int) -> type[StoreError]:
    if status in _REFUSALS:
        return StoreRefusedError
    return StoreUnreachableError if status in _TEMPORARY else StoreError


def is_absent(error: aiohttp.ClientResponseError) -> bool:
    """Return whether a registry reports that something does not exist; a 404 alone may come from any web server.

    :param error: What the client raised.
    """
    headers: Mapping[str, str] = error.headers or {}
    return error.status == HTTPStatus.NOT_FOUND and (
        "Docker-Distribution-Api-Version" in headers or "json" in headers.get("Content-Type", "")
    )


def unauthorized(place: str) -> Exception:
    """Return the error for credentials that the registry refused.

    :param place: What to call the registry in messages.
    """
    with needs_extra("docker", "dxf"):
        from pydatatask_storage.docker.client.unauthorized import RegistryUnauthorizedError
    return RegistryUnauthorizedError(f"{place} refused the credentials")
