"""Servers that answer in other ways than Amazon's, and endpoints that are no S3 servers at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest
from aiobotocore.session import get_session
from aiohttp import web
from aiohttp.test_utils import TestServer

from integration.s3_server import S3Server
from pydatatask_core.errors import StoreError, StoreRefusedError
from pydatatask_storage import S3BucketRepository

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

Behaviour: TypeAlias = Callable[[web.Request, bytes], web.Response]

LISTING = """<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"""
SESSION = get_session()
"""One for all tests, since it caches the description of the service."""

TAGGED = {"ETag": '"0123456789abcdef0123456789abcdef"', "Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}


def xml(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/xml")


def error(code: str, status: int) -> web.Response:
    return xml(f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>', status)


def listing(*keys: str) -> web.Response:
    return xml(LISTING.format("".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)))


def stored() -> web.Response:
    return web.Response(headers=TAGGED)


class Stub:
    """A server with one behaviour, which keeps the requests."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = lambda request, body: stored()
        self.requests: list[str] = []
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self.server = TestServer(app)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(f"{request.method} {request.path_qs}")
        answer = self.behaviour(request, body)
        if "X-Cut" in answer.headers:
            cut = web.StreamResponse(status=answer.status, headers={**answer.headers, "Content-Length": "1"})
            await cut.prepare(request)
            assert request.transport is not None
            request.transport.close()
            return cut
        return answer

    def count(self, method: str, part: str = "") -> int:
        return sum(line.startswith(method) and part in line for line in self.requests)


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    made = Stub()
    async with made.server:
        yield made


@pytest.fixture
async def client(stub: Stub) -> AsyncIterator[S3Client]:
    server = S3Server(f"http://{stub.server.host}:{stub.server.port}", SESSION)
    async with server.client(retries={"max_attempts": 0}) as made:
        yield made


@pytest.fixture
def repository(client: S3Client) -> S3BucketRepository:
    return S3BucketRepository(lambda: client, "bucket", "in/", ".txt")


async def write(repository: S3BucketRepository, data: bytes = b"value") -> None:
    async with await repository.open("a", "wb") as stream:
        await stream.write(data)


async def read(repository: S3BucketRepository) -> bytes:
    async with await repository.open("a", "rb") as stream:
        return await stream.read()


@pytest.mark.requirement("s3.other-servers")
class TestOtherServers:
    @pytest.mark.parametrize(
        ("code", "status"),
        [("MissingContentMD5", 400), ("InvalidRequest", 400), ("MethodNotAllowed", 405), ("NotImplemented", 501)],
    )
    async def test_without_bulk_deletion_objects_are_deleted_one_by_one(
        self, stub: Stub, repository: S3BucketRepository, code: str, status: int
    ) -> None:
        stub.behaviour = lambda request, body: (
            error(code, status) if request.method == "POST" else web.Response(status=204)
        )
        await repository.delete_many(["a", "b"])
        await repository.delete_many(["c", "d"])
        assert stub.count("POST") == 1
        assert stub.count("DELETE") == 4

    async def test_a_deletion_refused_either_way_is_tried_in_bulk_again(
        self, stub: Stub, repository: S3BucketRepository
    ) -> None:
        stub.behaviour = lambda request, body: error("ExpiredToken", 400)
        for _ in range(2):
            with pytest.raises(StoreRefusedError):
                await repository.delete_many(["a", "b"])
        assert stub.count("POST") == 2

    async def test_rights_on_the_prefix_are_enough(self, stub: Stub, repository: S3BucketRepository) -> None:
        def only_the_prefix(request: web.Request, body: bytes) -> web.Response:
            return listing() if request.query.get("prefix") == "in/" else web.Response(status=403)

        stub.behaviour = only_the_prefix
        await repository.validate()

    async def test_an_archived_object_is_present_and_reading_it_says_why_not(
        self, stub: Stub, repository: S3BucketRepository
    ) -> None:
        stub.behaviour = lambda request, body: error("InvalidObjectState", 403)
        assert await repository.contains("a")
        with pytest.raises(StoreError, match="is archived and cannot be read before it is restored") as caught:
            await read(repository)
        assert not isinstance(caught.value, StoreRefusedError)

    @pytest.mark.parametrize("size", ["0", "7"])
    async def test_a_server_that_ignores_ranges_tells_the_size_all_the_same(
        self, stub: Stub, repository: S3BucketRepository, size: str
    ) -> None:
        headers = {"ETag": '"x"', "Last-Modified": "Tue, 01 Dec 2026 00:00:00 GMT"}
        stub.behaviour = lambda request, body: web.Response(body=b"x" * int(size), headers=headers)
        assert await repository.size("a") == int(size)
        assert stub.requests == ["GET /bucket/in/a.txt"]

    async def test_the_size_of_an_archived_object_comes_without_its_content(
        self, stub: Stub, repository: S3BucketRepository
    ) -> None:
        stub.behaviour = lambda request, body: (
            web.Response(headers={"Content-Length": "7"})
            if request.method == "HEAD"
            else error("InvalidObjectState", 403)
        )
        assert await repository.size("a") == 7
        assert (stub.count("GET"), stub.count("HEAD")) == (1, 1)

    @pytest.mark.parametrize("data", [b"value", b"x" * (9 << 20)])
    async def test_refused_checksums_are_left_out(
        self, stub: Stub, repository: S3BucketRepository, data: bytes
    ) -> None:
        received: list[bytes] = []

        def without_checksums(request: web.Request, body: bytes) -> web.Response:
            if any("checksum" in name.lower() for name in request.headers):
                return error("InvalidArgument", 400)
            if "uploads" in request.query:
                return xml("<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
            if request.method == "POST":
                return xml('<CompleteMultipartUploadResult><ETag>"x-1"</ETag></CompleteMultipartUploadResult>')
            received.append(body)
            return stored()

        stub.behaviour = without_checksums
        await write(repository, data)
        assert sum(map(len, received)) == len(data)
        before = len(stub.requests)
        await write(repository)
        assert len(stub.requests) == before + 1

    async def test_a_write_refused_for_another_reason_keeps_its_reason(
        self, stub: Stub, repository: S3BucketRepository
    ) -> None:
        stub.behaviour = lambda request, body: error("InvalidStorageClass", 400)
        for _ in range(2):
            with pytest.raises(StoreError, match="InvalidStorageClass"):
                await write(repository)
        assert stub.count("PUT") == 4

    async def test_an_absent_object_may_be_answered_without_a_code(
        self, stub: Stub, repository: S3BucketRepository
    ) -> None:
        stub.behaviour = lambda request, body: (
            listing("in/a.txt.gz") if "list-type" in request.query else web.Response(status=404)
        )
        assert not await repository.contains("a")
        with pytest.raises(FileNotFoundError):
            await read(repository)

    async def test_a_404_for_an_object_that_is_listed_is_an_error(
        self, stub: Stub, repository: S3BucketRepository
    ) -> None:
        stub.behaviour = lambda request, body: (
            listing("in/a.txt") if "list-type" in request.query else web.Response(status=404)
        )
        with pytest.raises(StoreError, match="404"):
            await repository.contains("a")

    async def test_an_empty_object_may_be_answered_with_a_byte_that_never_comes(
        self, stub: Stub, repository: S3BucketRepository
    ) -> None:
        stub.behaviour = lambda request, body: web.Response(status=206, headers={**TAGGED, "X-Cut": "1"})
        assert await repository.contains("a")

    @pytest.mark.parametrize("answer", [web.Response, lambda status: error("RequestedRangeNotSatisfiable", status)])
    async def test_an_empty_object_may_be_answered_in_other_words(
        self, stub: Stub, repository: S3BucketRepository, answer: Callable[..., web.Response]
    ) -> None:
        stub.behaviour = lambda request, body: answer(status=416)
        assert await repository.contains("a")


PAGES = {
    "a list of buckets": xml("<ListAllMyBucketsResult><Buckets><Bucket/></Buckets></ListAllMyBucketsResult>"),
    "nothing": web.Response(),
    "an XHTML page": web.Response(text="<html><body>Sign in</body></html>", content_type="text/html"),
    "an HTML page": web.Response(
        text="<!doctype html><html lang=en><head><meta charset=utf-8></head></html>", content_type="text/html"
    ),
}


@pytest.mark.requirement("s3.no-s3-server")
@pytest.mark.parametrize("page", PAGES)
class TestWebPages:
    @pytest.fixture(autouse=True)
    def _page(self, stub: Stub, page: str) -> None:
        sample = PAGES[page]
        stub.behaviour = lambda request, body: web.Response(
            text=sample.text or "", content_type=sample.content_type, headers={"ETag": '"x"'}
        )

    async def test_it_is_no_listing(self, repository: S3BucketRepository, page: str) -> None:
        for use in (repository.keys, repository.validate):
            with pytest.raises(StoreError, match="endpoint"):
                await use()

    async def test_it_is_no_object(self, repository: S3BucketRepository, page: str) -> None:
        with pytest.raises(StoreError, match="not with an object"):
            await repository.contains("a")
        with pytest.raises(StoreError, match="not with an object"):
            await read(repository)

    async def test_it_is_no_confirmation(self, stub: Stub, repository: S3BucketRepository, page: str) -> None:
        sample = PAGES[page]
        stub.behaviour = lambda request, body: web.Response(text=sample.text or "", content_type=sample.content_type)
        with pytest.raises(StoreError, match="endpoint"):
            await write(repository)
        with pytest.raises(StoreError):
            await write(repository, b"x" * (9 << 20))
