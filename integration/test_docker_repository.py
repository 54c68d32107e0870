"""What a Docker registry has beyond the contract of all repositories, and what happens when it refuses or fails."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from dxf.exceptions import DXFUnauthorizedError

from integration.docker_server import DockerServer, Images
from integration.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from integration.server_process import HOST, free_port
from pydatatask_core.errors import StoreError, StoreRefusedError, StoreUnreachableError
from pydatatask_storage import DockerRepository

if TYPE_CHECKING:
    from docker_registry_client_async import DockerRegistryClientAsync

Use: TypeAlias = Callable[[DockerRepository], Awaitable[object]]

USES: dict[str, Use] = {
    "keys": lambda repository: repository.keys(),
    "contains": lambda repository: repository.contains("a"),
    "contained": lambda repository: repository.contained({"a"}),
    "delete": lambda repository: repository.delete("a"),
}
EVERY_USE = pytest.mark.parametrize("use", [pytest.param(use, id=name) for name, use in USES.items()])


@pytest.fixture
def repository(
    docker_client: DockerRegistryClientAsync, docker_server: DockerServer, docker_repository: str
) -> DockerRepository:
    return DockerRepository(lambda: docker_client, docker_server.domain, docker_repository)


@pytest.fixture
async def proxy(docker_server: DockerServer) -> AsyncIterator[FaultyProxy]:
    """A proxy in front of the registry."""
    async with faulty_proxy(docker_server.domain) as running:
        yield running


@pytest.fixture
async def behind(
    proxy: FaultyProxy, docker_client: DockerRegistryClientAsync, docker_server: DockerServer, docker_repository: str
) -> DockerRepository:
    """The same repository behind the proxy."""
    await docker_client.add_credentials(credentials=docker_server.credentials, endpoint=proxy.address)
    return DockerRepository(lambda: docker_client, proxy.address, docker_repository)


@pytest.mark.requirement("docker.tags")
async def test_the_jobs_are_the_tags(repository: DockerRepository, images: Images) -> None:
    await images.push(b"layer", ["a", "b"])
    assert await repository.keys() == {"a", "b"}
    many = {f"job{number}" for number in range(30)}
    assert await repository.contained(many | {"a"}) == {"a"}


async def test_few_jobs_are_asked_about_one_by_one_and_many_are_listed(
    behind: DockerRepository, proxy: FaultyProxy, images: Images
) -> None:
    await images.push(b"layer", ["a"])
    assert await behind.contained({"a", "b"}) == {"a"}
    assert (proxy.count("tags/list"), proxy.count("manifests/")) == (0, 2)
    await behind.contained({f"job{number}" for number in range(30)})
    assert (proxy.count("tags/list"), proxy.count("manifests/")) == (1, 2)


@pytest.mark.requirement("docker.info")
async def test_the_info_is_the_name_with_and_without_the_domain() -> None:
    info = await DockerRepository(lambda: NotImplemented, "docker.example.com", "myname/myrepo").info("job")
    assert info == {"withdomain": "docker.example.com/myname/myrepo:job", "withoutdomain": "myname/myrepo:job"}


@pytest.mark.requirement("docker.unknown-repository")
async def test_an_unknown_repository_is_empty(repository: DockerRepository) -> None:
    assert [job async for job in repository] == []
    assert await repository.keys() == set()
    assert not await repository.contains("a")
    await repository.delete("a")
    assert await repository.keys() == set()


async def test_a_repository_whose_name_has_one_part_is_not_taken_for_one_of_the_hub(
    docker_client: DockerRegistryClientAsync, docker_server: DockerServer, docker_repository: str
) -> None:
    name = docker_repository.replace("/", "")
    library = Images(docker_client, docker_server.domain, name)  # the client itself puts library/ before it
    await library.push(b"layer", ["other"])
    assert await DockerRepository(lambda: docker_client, docker_server.domain, name).keys() == set()
    hub_like = DockerRepository(lambda: docker_client, docker_server.domain, f"library/{name}")
    assert await hub_like.keys() == {"other"}


@pytest.mark.requirement("docker.delete-one-tag", "docker.delete-unsupported")
class TestDeleting:
    async def test_another_tag_of_the_same_image_can_still_be_pulled(
        self, repository: DockerRepository, images: Images
    ) -> None:
        await images.push(b"layer", ["a", "b"])
        await images.push(b"another layer", ["c"])
        await repository.delete("a")
        assert await images.tags() == {"b", "c"}
        assert await images.pull("b") == b"layer"
        assert await images.pull("c") == b"another layer"
        await repository.delete_many(["b", "c"])
        assert await images.tags() == set()
        await images.push(b"new layer", ["a"])
        assert await images.pull("a") == b"new layer"

    @pytest.mark.requirement("docker.delete-absent")
    async def test_an_absent_tag_is_never_created(
        self, behind: DockerRepository, images: Images, proxy: FaultyProxy
    ) -> None:
        await images.push(b"layer", ["b"])
        await behind.delete("a")
        assert proxy.count("PUT|POST|PATCH") == 0
        assert await images.tags() == {"b"}

    async def test_a_registry_that_deletes_nothing_leaves_the_tag_as_it_was(
        self, deletion_disabled: DockerServer, tmp_path: Path, docker_repository: str
    ) -> None:
        async with deletion_disabled.client(tmp_path / "none.json") as client:
            await client.add_credentials(credentials=deletion_disabled.credentials, endpoint=deletion_disabled.domain)
            images = Images(client, deletion_disabled.domain, docker_repository)
            await images.push(b"layer", ["a", "b"])
            with pytest.raises(StoreError, match=r"405.*REGISTRY_STORAGE_DELETE_ENABLED"):
                await DockerRepository(lambda: client, deletion_disabled.domain, docker_repository).delete("a")
            assert await images.pull("a") == b"layer"
            assert await images.pull("b") == b"layer"

    @pytest.mark.parametrize(
        "step",
        [
            r"DELETE .*/manifests/a",
            "GET .*/manifests/a",
            "POST",
            "PUT .*uploads",
            "PUT .*manifests/a",
            "DELETE .*sha256",
        ],
    )
    async def test_a_step_that_fails_leaves_the_tag_as_it_was(
        self, step: str, behind: DockerRepository, images: Images, proxy: FaultyProxy
    ) -> None:
        await images.push(b"layer", ["a", "b"])
        proxy.plan(Fault(step, status=500, times=1))
        with pytest.raises(StoreError, match="500"):
            await behind.delete("a")
        assert await images.pull("a") == b"layer"
        assert await images.pull("b") == b"layer"
        await behind.delete("a")
        assert await images.tags() == {"b"}

    @pytest.mark.requirement("docker.delete-restores")
    async def test_a_registry_that_fails_half_way_gives_the_tag_its_image_again(
        self, behind: DockerRepository, images: Images, proxy: FaultyProxy
    ) -> None:
        await images.push(b"layer", ["a", "b"])
        proxy.plan(Fault("DELETE .*sha256", status=500, skip=1))  # the first one only asks whether it deletes at all
        with pytest.raises(StoreError, match="500"):
            await behind.delete("a")
        assert await images.pull("a") == b"layer"

    @pytest.mark.requirement("docker.delete-restores")
    async def test_a_registry_that_is_cut_off_half_way_is_tried_again(
        self, behind: DockerRepository, images: Images, proxy: FaultyProxy
    ) -> None:
        await images.push(b"layer", ["a", "b"])
        proxy.plan(
            Fault("DELETE .*sha256", skip=1, cut_request_after=0),
            Fault("PUT .*manifests/a", skip=1, times=2, cut_request_after=0),
        )
        with pytest.raises(StoreUnreachableError):
            await behind.delete("a")
        assert await images.pull("a") == b"layer"

    @pytest.mark.requirement("docker.delete-restores")
    async def test_a_tag_that_cannot_be_restored_is_named(
        self, behind: DockerRepository, images: Images, proxy: FaultyProxy
    ) -> None:
        await images.push(b"layer", ["a", "b"])
        proxy.plan(
            Fault("DELETE .*sha256", skip=1, status=500, times=1),
            Fault("PUT .*manifests/a", skip=1, status=500, times=1),
        )
        with pytest.raises(StoreError, match=r"tag 'a' half deleted.*once more"):
            await behind.delete("a")
        await behind.delete("a")
        assert await images.tags() == {"b"}
        assert await images.pull("b") == b"layer"

    async def test_a_deletion_that_is_cancelled_has_happened_or_not(
        self, behind: DockerRepository, images: Images, proxy: FaultyProxy
    ) -> None:
        await images.push(b"layer", ["a", "b"])
        proxy.plan(Fault("PUT .*manifests/a", delay=0.2))
        task = asyncio.create_task(behind.delete("a"))
        await proxy.seen("PUT .*manifests/a")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await images.tags() == {"b"}
        assert await images.pull("b") == b"layer"


@EVERY_USE
class TestRefusals:
    @pytest.mark.requirement("docker.no-credentials")
    async def test_no_credentials_is_a_permission_error(
        self, use: Use, docker_server: DockerServer, docker_repository: str, tmp_path: Path
    ) -> None:
        async with docker_server.client(tmp_path / "none.json") as client:
            with pytest.raises(PermissionError, match=docker_server.domain) as caught:
                await use(DockerRepository(lambda: client, docker_server.domain, docker_repository))
        assert isinstance(caught.value, StoreRefusedError)
        assert not isinstance(caught.value, DXFUnauthorizedError)

    @pytest.mark.requirement("docker.refused-credentials")
    async def test_wrong_credentials_are_an_error_of_their_own(
        self, use: Use, docker_server: DockerServer, docker_repository: str, tmp_path: Path
    ) -> None:
        async with docker_server.client(tmp_path / "none.json") as client:
            await client.add_credentials(credentials="d3Jvbmc6d3Jvbmc=", endpoint=docker_server.domain)
            with pytest.raises(DXFUnauthorizedError, match=docker_server.domain) as caught:
                await use(DockerRepository(lambda: client, docker_server.domain, docker_repository))
        assert isinstance(caught.value, StoreError)
        assert "d3Jvbmc6d3Jvbmc" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


class TestCredentials:
    @pytest.mark.requirement("docker.unblocked-loop")
    @pytest.mark.parametrize("form", ["auth", "user"])
    async def test_those_of_a_docker_configuration_are_found(
        self, form: str, docker_server: DockerServer, docker_repository: str, tmp_path: Path, images: Images
    ) -> None:
        await images.push(b"layer", ["a"])
        entry = (
            {"auth": docker_server.credentials}
            if form == "auth"
            else {"username": docker_server.user, "password": docker_server.password}
        )
        helped: dict[str, str] = {}  # an entry that stands for a credential helper
        file = tmp_path / "config.json"
        file.write_text(json.dumps({"auths": {"https://index.docker.io/v1/": helped, docker_server.domain: entry}}))
        async with docker_server.client(file) as client:
            repository = DockerRepository(lambda: client, docker_server.domain, docker_repository)
            assert await asyncio.gather(*[repository.keys() for _ in range(3)]) == [{"a"}] * 3

    async def test_a_user_without_a_password_is_no_credentials(
        self, docker_server: DockerServer, docker_repository: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "config.json"
        file.write_text(json.dumps({"auths": {docker_server.domain: {"username": docker_server.user}}}))
        async with docker_server.client(file) as client:
            with pytest.raises(StoreRefusedError, match="the client has none"):
                await DockerRepository(lambda: client, docker_server.domain, docker_repository).keys()

    @pytest.mark.parametrize("text", ["no json", "[]", '{"auths": 1}', '{"auths": {"x": 1}}'])
    async def test_a_configuration_that_makes_no_sense_gives_none(
        self, text: str, docker_server: DockerServer, docker_repository: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "config.json"
        file.write_text(text)
        async with docker_server.client(file) as client:
            repository = DockerRepository(lambda: client, docker_server.domain, docker_repository)
            with pytest.raises(StoreError, match=str(file) if text == "no json" else "credentials"):
                await repository.keys()


@EVERY_USE
class TestFailures:
    @pytest.mark.parametrize("status", [403, 429, 500, 503])
    async def test_a_failure_is_an_error(
        self, use: Use, status: int, behind: DockerRepository, images: Images, proxy: FaultyProxy
    ) -> None:
        await images.push(b"layer", ["a"])
        proxy.plan(Fault("/v2/.+ HTTP", status=status))
        with pytest.raises(StoreError, match=f"{proxy.address}.* {status} ") as caught:
            await use(behind)
        assert isinstance(caught.value, PermissionError) is (status == 403)
        assert await images.tags() == {"a"}

    async def test_a_connection_that_is_cut_is_an_error(
        self, use: Use, behind: DockerRepository, proxy: FaultyProxy
    ) -> None:
        proxy.plan(Fault(cut_response_after=10))
        with pytest.raises(StoreUnreachableError, match=proxy.address):
            await use(behind)

    async def test_a_registry_that_is_gone_is_an_error(
        self, use: Use, docker_client: DockerRegistryClientAsync
    ) -> None:
        domain = f"{HOST}:{free_port()}"
        with pytest.raises(StoreUnreachableError, match=domain):
            await use(DockerRepository(lambda: docker_client, domain, "tests/x"))

    async def test_what_some_other_server_does_not_find_is_not_absent(
        self, use: Use, behind: DockerRepository, proxy: FaultyProxy
    ) -> None:
        html = {"Content-Type": "text/html"}
        proxy.plan(Fault("/v2/.+ HTTP", status=404, body=b"<html>no such page</html>", headers=html))
        with pytest.raises(StoreError, match="404"):
            await use(behind)


@pytest.mark.parametrize("answer", [b"<html>", b"not json", b'{"tags": 7}'])
async def test_what_is_no_list_of_tags_is_an_error(answer: bytes, behind: DockerRepository, proxy: FaultyProxy) -> None:
    kind = {"Content-Type": "text/html" if answer == b"<html>" else "application/json"}
    proxy.plan(Fault("tags/list", status=200, body=answer, headers=kind))
    with pytest.raises(StoreError, match="as a registry does"):
        await behind.keys()


@pytest.mark.requirement("docker.protocol")
async def test_https_is_spoken_where_the_client_says_so(
    docker_client: DockerRegistryClientAsync, docker_server: DockerServer
) -> None:
    docker_client.DEFAULT_PROTOCOL = "https"
    with pytest.raises(StoreUnreachableError):
        await DockerRepository(lambda: docker_client, docker_server.domain, "tests/x").keys()
