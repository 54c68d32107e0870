"""Registries other than Debian's: they list tags page by page, delete tags, and hand out tokens that expire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from docker_registry_client_async import DockerRegistryClientAsync
from dxf.exceptions import DXFUnauthorizedError

from pydatatask_core.errors import StoreError, StoreRefusedError, StoreUnreachableError
from pydatatask_storage import DockerRepository


class Registry:
    """As much of a registry as the tests need."""

    def __init__(self) -> None:
        self.tags = [f"job{number:02}" for number in range(25)]
        self.page = 10
        self.mark = "last"
        self.link = '<http://internal:5000/v2/some/images/tags/list?n={n}&{mark}>; rel="next"'
        self.stuck = False
        self.status = 200
        self.content_type = "application/json"
        self.challenge: str | None = None
        self.valid_token: str | None = None
        self.issued = 0
        self.gives_tokens = True
        self.requests: list[str] = []
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/v2/", self._version)
        app.router.add_get("/token", self._token)
        app.router.add_get("/v2/some/images/tags/list", self._list)
        app.router.add_delete("/v2/some/images/manifests/{tag}", self._delete)
        self.server = TestServer(app)

    @property
    def domain(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    @web.middleware
    async def _guard(self, request: web.Request, handler: object) -> web.StreamResponse:
        assert callable(handler)
        self.requests.append(f"{request.method} {request.path_qs}")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.valid_token is not None and request.path != "/token" and token != self.valid_token:
            challenge = self.challenge or f'Bearer realm="http://{self.domain}/token",service="tests"'
            return web.json_response({}, status=401, headers={"Www-Authenticate": challenge})
        response: web.StreamResponse = await handler(request)
        return response

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({})

    async def _token(self, request: web.Request) -> web.Response:
        if not self.gives_tokens:
            return web.json_response({}, status=401)
        self.issued += 1
        self.valid_token = f"token{self.issued}"
        return web.json_response({"token": self.valid_token})

    async def _list(self, request: web.Request) -> web.Response:
        last = "" if self.stuck else request.query.get(self.mark, "").removeprefix("after ")
        following = [tag for tag in self.tags if tag > last]
        page = following[: self.page]
        headers = {}
        if len(following) > len(page):
            mark = f"{self.mark}={page[-1]}" if self.mark == "last" else f"{self.mark}=after%20{page[-1]}"
            headers["Link"] = self.link.format(n=self.page, mark=mark)
        answer = {"name": "some/images", "tags": page}
        return web.json_response(answer, headers=headers, status=self.status, content_type=self.content_type)

    async def _delete(self, request: web.Request) -> web.Response:
        tag = request.match_info["tag"]
        if tag not in self.tags:
            return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404)
        self.tags.remove(tag)
        return web.Response(status=202)


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    running = Registry()
    async with running.server:
        yield running


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[DockerRegistryClientAsync]:
    async with DockerRegistryClientAsync(credentials_store=tmp_path / "none.json") as made:
        made.DEFAULT_PROTOCOL = "http"
        yield made


@pytest.fixture
def repository(registry: Registry, client: DockerRegistryClientAsync) -> DockerRepository:
    return DockerRepository(lambda: client, registry.domain, "some/images")


@pytest.mark.requirement("docker.tags")
@pytest.mark.parametrize("mark", ["last", "next_page", "page"])
@pytest.mark.parametrize(
    "link",
    [
        '</v2/some/images/tags/list?n={n}&{mark}>; rel="next"',
        "<http://internal:5000/v2/some/images/tags/list?{mark}&n={n}>; rel=next",
        '/v2/some/images/tags/list?{mark}; rel="next"',
        '<https://example.com/help>; rel="help", </v2/some/images/tags/list?{mark}>; rel="next"',
    ],
)
async def test_tags_are_listed_page_by_page(
    registry: Registry, repository: DockerRepository, mark: str, link: str
) -> None:
    registry.mark, registry.link = mark, link
    assert [job async for job in repository] == registry.tags
    assert sum("tags/list" in request for request in registry.requests) == 3


async def test_tags_may_come_as_plain_text(registry: Registry, repository: DockerRepository) -> None:
    registry.content_type = "text/plain"
    assert await repository.keys() == set(registry.tags)


@pytest.mark.parametrize(
    ("status", "kind"), [(429, StoreUnreachableError), (503, StoreUnreachableError), (500, StoreError)]
)
async def test_a_registry_that_is_busy_is_unreachable_for_now(
    registry: Registry, repository: DockerRepository, status: int, kind: type[StoreError]
) -> None:
    registry.status = status
    with pytest.raises(StoreError, match=f"answered {status}") as caught:
        await repository.keys()
    assert type(caught.value) is kind


async def test_a_challenge_that_cannot_be_parsed_is_an_error_of_the_registry(
    registry: Registry, repository: DockerRepository
) -> None:
    registry.valid_token, registry.challenge = "none yet", "Bearer realm=http://host/token,service=tests"
    with pytest.raises(StoreError, match="does not answer as a registry does"):
        await repository.keys()


async def test_a_registry_that_repeats_itself_is_an_error(registry: Registry, repository: DockerRepository) -> None:
    registry.stuck = True
    with pytest.raises(StoreError, match="over and over"):
        await repository.keys()


@pytest.mark.requirement("docker.delete-one-tag", "docker.delete-absent")
async def test_a_registry_that_deletes_tags_is_asked_to(registry: Registry, repository: DockerRepository) -> None:
    await repository.delete("job07")
    await repository.delete("absent")
    assert "job07" not in registry.tags
    assert len(registry.tags) == 24
    assert {request.split()[0] for request in registry.requests} <= {"DELETE", "GET"}


class TestTokens:
    async def test_one_that_has_expired_is_replaced(self, registry: Registry, repository: DockerRepository) -> None:
        registry.valid_token = "none yet"
        assert len(await repository.keys()) == 25
        assert len(await repository.keys()) == 25
        assert registry.issued == 1
        registry.valid_token = "another"
        assert len(await repository.keys()) == 25
        assert registry.issued == 2

    @pytest.mark.requirement("docker.no-credentials")
    async def test_none_without_credentials_is_a_permission_error(
        self, registry: Registry, repository: DockerRepository
    ) -> None:
        registry.valid_token, registry.gives_tokens = "none yet", False
        with pytest.raises(StoreRefusedError, match="credentials") as caught:
            await repository.keys()
        assert not isinstance(caught.value, DXFUnauthorizedError)

    @pytest.mark.requirement("docker.refused-credentials")
    async def test_none_for_wrong_credentials(
        self, registry: Registry, repository: DockerRepository, client: DockerRegistryClientAsync
    ) -> None:
        registry.valid_token, registry.gives_tokens = "none yet", False
        await client.add_credentials(credentials="d3Jvbmc6d3Jvbmc=", endpoint=registry.domain)
        with pytest.raises(DXFUnauthorizedError, match=registry.domain):
            await repository.keys()
