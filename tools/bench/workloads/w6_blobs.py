"""W6, blobs: 1 GiB into and out of S3, moto's server on the loopback interface.

The limit is a bare multipart loop of aiobotocore, with parts of 8 MiB, four in flight, and a bare stream of the body.
What we do besides: a writer that any code may write to in pieces of any size, and that cleans up after any failure.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import uuid4

from typing_extensions import override

from pydatatask_core.stream_bases import ReadStreamBase, WriteStreamBase
from pydatatask_core.streams import async_copyfile
from pydatatask_storage import S3BucketRepository
from tools.bench.servers import s3_server
from tools.bench.workload import AtMost, FunctionCase, Workload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

    from tools.bench.workload import Metrics

    Put: TypeAlias = Callable[[S3Client, str, int], Awaitable[None]]
    Get: TypeAlias = Callable[[S3Client, str], Awaitable[int]]

MIB: Final = 1 << 20
BLOB: Final = 1024 * MIB
PART: Final = 8 * MIB
IN_FLIGHT: Final = 4
GETS: Final = 3
BUCKET: Final = "bench"
SERVER: Final = s3_server()
_BLOCK: Final = bytes(range(256)) * (MIB // 256)


@asynccontextmanager
async def client_of(address: str) -> AsyncIterator[S3Client]:
    """Connect to an S3 server, `host:port`."""
    from aiobotocore.session import get_session

    async with get_session().create_client(
        "s3",
        endpoint_url=f"http://{address}",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
        region_name="us-east-1",
    ) as client:
        yield client


class Source(ReadStreamBase):
    """A blob that takes no time to read."""

    def __init__(self, size: int) -> None:
        self._left = size

    @override
    async def read(self, n: int | None = None) -> bytes:
        assert n is not None
        data = _BLOCK[: min(n, self._left)]
        self._left -= len(data)
        return data

    @override
    async def close(self) -> None:
        self._left = 0


class Sink(WriteStreamBase):
    """Takes what is written, and counts it."""

    def __init__(self) -> None:
        self.size = 0

    @override
    async def _stage(self, data: bytes) -> None:
        self.size += len(data)

    @override
    async def _commit(self) -> None:
        pass

    @override
    async def _discard(self) -> None:
        pass


async def bare_put(client: S3Client, key: str, size: int) -> None:
    """Send a blob by a loop over parts."""
    upload = (await client.create_multipart_upload(Bucket=BUCKET, Key=key))["UploadId"]
    slots = asyncio.Semaphore(IN_FLIGHT)
    parts: list[CompletedPartTypeDef] = []

    async def send(number: int, data: bytes) -> None:
        answer = await client.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=data)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        slots.release()

    async with asyncio.TaskGroup() as group:
        for number in range(1, size // PART + 1):
            await slots.acquire()
            group.create_task(send(number, b"".join([_BLOCK] * (PART // MIB))))
    parts.sort(key=lambda part: part["PartNumber"])
    await client.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


async def bare_get(client: S3Client, key: str) -> int:
    """Read a blob by a loop over its body."""
    size = 0
    async with (await client.get_object(Bucket=BUCKET, Key=key))["Body"] as body:
        while data := await body.read(MIB):
            size += len(data)
    return size


async def our_put(client: S3Client, key: str, size: int) -> None:
    """Copy a blob into a repository."""
    repository = S3BucketRepository(lambda: client, BUCKET)
    async with await repository.open(key, "wb") as stream:
        await async_copyfile(Source(size), stream)


async def our_get(client: S3Client, key: str) -> int:
    """Copy a blob out of a repository."""
    sink = Sink()
    async with await S3BucketRepository(lambda: client, BUCKET).open(key, "rb") as stream:
        await async_copyfile(stream, sink)
    return sink.size


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _measure(put: Put, get: Get) -> Metrics:
    """Put a blob, and get it a few times, of which the quickest counts: it is over so soon that anything disturbs it."""
    async with _prepared() as client:
        before, key = _peak(), uuid4().hex
        begun = perf_counter()
        await put(client, key, BLOB)
        seconds = perf_counter() - begun
        return {
            "put s": seconds,
            "get s": min([await _time_get(get, client, key) for _ in range(GETS)]),
            "growth MiB": _peak() - before,
        }


async def _time_get(get: Get, client: S3Client, key: str) -> float:
    begun = perf_counter()
    assert await get(client, key) == BLOB
    return perf_counter() - begun


@asynccontextmanager
async def _prepared() -> AsyncIterator[S3Client]:
    """Give a client that has done something already, so that what it loads once is not counted; tidy up at the end."""
    async with client_of(SERVER.address) as client:
        repository = S3BucketRepository(lambda: client, BUCKET)
        await repository.validate()
        await repository.delete_many([*await repository.keys(), "none"])
        await our_put(client, "small", MIB)
        await our_get(client, "small")
        yield client
        await repository.delete_many(await repository.keys())


def workloads() -> list[Workload]:
    """Give the one."""
    return [
        Workload(
            name="w6-blobs",
            title=f"{BLOB // MIB} MiB into S3 and out again",
            cases=[
                FunctionCase("bare", partial(_measure, bare_put, bare_get)),
                FunctionCase("ours", partial(_measure, our_put, our_get)),
            ],
            baseline="bare",
            goals=[
                AtMost("ours", "put s", 1 / 0.9, times="bare"),
                AtMost("ours", "get s", 1 / 0.9, times="bare"),
                AtMost("ours", "growth MiB", 64),
                AtMost("ours", "peak MiB", 110),
            ],
            rounds=3,
            prepare=SERVER.start,
            clean_up=SERVER.stop,
        )
    ]
