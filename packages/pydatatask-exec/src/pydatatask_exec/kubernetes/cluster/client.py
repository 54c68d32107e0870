"""The client of the API server: requests bounded in number and rate, and sent again as :mod:`.retries` decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydatatask_core.errors import ClusterError
from pydatatask_exec.kubernetes.cluster.clock import ServerClock
from pydatatask_exec.kubernetes.cluster.errors import cluster_error, unintelligible, unreachable
from pydatatask_exec.kubernetes.cluster.library import raw_client
from pydatatask_exec.kubernetes.cluster.rate_limit import RateLimit
from pydatatask_exec.kubernetes.cluster.retries import Retries, retry_after
from pydatatask_exec.kubernetes.pods.fields import Manifest, is_manifest

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from kubernetes_asyncio.client import ApiClient

__all__ = ["ClusterClient", "Request", "RequestLimits", "Stream", "parsed_object"]

_log = logging.getLogger("pydatatask.pod")

_LONGEST_ANSWER = 100_000


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How many requests may be made."""

    concurrency: int = 16
    """How many requests are under way at a time, apart from the watch."""

    per_second: float = 50.0
    """How many requests are made a second, in the long run."""

    burst: float = 100.0
    """How many requests may be made at once after a pause."""

    attempts: int = 6
    """How often a request is tried if the server fails (429, 5xx) or cannot be reached."""

    first_delay: float = 0.25
    """Seconds before the second attempt, unless the server says how long to wait; doubled for each further one."""


class Request(NamedTuple):
    """A request."""

    purpose: str
    """What it is for, in messages: ``"create pod x"``."""

    method: str
    """The HTTP method."""

    path: str
    """The path of the resource."""

    query: Mapping[str, str]
    """The parameters of the query."""

    body: Mapping[str, Any] | None = None
    """What is sent as JSON."""

    total_seconds: float | None = 30.0
    """How long it may take as a whole, or None."""

    silent_seconds: float | None = None
    """The timeout for the next block of the answer, or None."""

    attempts: int | None = None
    """How often it is tried, if not as often as all others."""

    accept: str = "application/json"
    """What kind of answer is wanted."""


class Stream:
    """The answer to a request, read piece by piece.

    :param response: The answer.
    :param purpose: What the request is for.
    """

    def __init__(self, response: ClientResponse, purpose: str) -> None:
        self.status: int = response.status
        self._response = response
        self._purpose = purpose

    async def read(self, n: int = -1) -> bytes:
        """Read up to ``n`` bytes, or all that are left.

        :param n: The greatest number of bytes wanted.
        :raises ClusterUnreachableError: The connection broke, or timed out.
        """
        import aiohttp

        try:
            return await self._response.content.read(n)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(self._purpose, error) from error


class ClusterClient:
    """Makes requests to an API server.

    :param api: Returns the current client.
    :param renew: Renews credentials that were refused, and returns whether it could.
    :param limits: How many requests may be made.
    """

    def __init__(
        self, api: Callable[[], Awaitable[ApiClient]], renew: Callable[[], Awaitable[bool]], limits: RequestLimits
    ) -> None:
        self._api = api
        self._renew = renew
        self._limits = limits
        self.clock: ServerClock = ServerClock()
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._rate_limit = RateLimit(limits.per_second, limits.burst)

    async def json(self, request: Request) -> Manifest:
        """Make a request and return its parsed answer, an object in JSON.

        :param request: The request.
        :raises ClusterError: The server refused or failed it, or could not be reached.
        """
        async with self._slots, self.stream(request) as stream:
            data = await stream.read()
        if len(data) > _LONGEST_ANSWER:
            return await asyncio.to_thread(parsed_object, data, request.purpose)
        return parsed_object(data, request.purpose)

    @asynccontextmanager
    async def slot(self, request: Request) -> AsyncGenerator[Stream, None]:
        """Do what :meth:`stream` does, within the bounded number of requests.

        :param request: The request.
        """
        async with self._slots, self.stream(request) as stream:
            yield stream

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[Stream, None]:
        """Make a request, and yield its answer for reading once the status is good.

        :param request: The request.
        :raises ClusterError: The server refused or failed it, or could not be reached.
        """
        response = await self._try(request)
        try:
            yield Stream(response, request.purpose)
        finally:
            response.close()

    async def _try(self, request: Request) -> ClientResponse:
        """Make a request until it succeeds, or fails for good."""
        import aiohttp

        renewed = False
        retries = Retries(request.attempts or self._limits.attempts, self._limits.first_delay)
        while True:
            await self._rate_limit.acquire()
            asked: float | None = None
            error: ClusterError
            try:
                response = await self._send(request)
                self.clock.observe(response.headers)
                if response.status < 400:
                    return response
                body = await self._body(response)
            except (aiohttp.ClientError, TimeoutError, OSError) as problem:
                error = unreachable(request.purpose, problem)
                error.__cause__ = problem
            else:
                # Once only: credentials that are refused although they are new are the wrong ones.
                if response.status == 401 and not renewed and await self._renew():
                    renewed = True
                    continue
                error = cluster_error(request.purpose, response.status, body)
                asked = retry_after(response.headers, body)
            delay = retries.next_delay(error, asked)
            if delay is None:
                raise error
            _log.debug("%s; trying again", error)
            await asyncio.sleep(delay)

    async def _send(self, request: Request) -> ClientResponse:
        import aiohttp

        client = raw_client(await self._api())
        timeout = aiohttp.ClientTimeout(total=request.total_seconds, sock_connect=10, sock_read=request.silent_seconds)
        return await client.call_api(
            request.path,
            request.method,
            query_params=list(request.query.items()),
            header_params={"Accept": request.accept, "Content-Type": "application/json"},
            body=request.body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=timeout,
        )

    @staticmethod
    async def _body(response: ClientResponse) -> bytes:
        try:
            return await response.read()
        finally:
            response.close()


def parsed_object(data: bytes, purpose: str) -> Manifest:
    """Parse an object in JSON, as each answer and each event of an API server is one.

    :param data: The JSON.
    :param purpose: What the request was for.
    :raises ClusterError: It is something else.
    """
    import json

    try:
        answer: object = json.loads(data)
    except ValueError as error:
        raise unintelligible(purpose, data) from error
    if not is_manifest(answer):
        raise unintelligible(purpose, answer)
    return answer
