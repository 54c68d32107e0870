"""W6, blobs: 1 GiB into and out of S3, moto's server on the loopback interface.

The limit is a bare multipart loop of aiobotocore, with parts of 8 MiB, four in flight, and a bare stream of the body.
What we do besides: a writer that any code may write to in pieces of any size, and that cleans up after any failure.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import uuid4

from typing_extensions import override

from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase
from pydatatask_core.streams.byte_streams import async_copyfile
from pydatatask_storage import S3BucketRepository
from tools.bench.servers import s3_server
from tools.bench.workload import AtMost, FunctionCase, Workload
from tools.command import PYTHON, must_run

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
BLOB_KEY: Final = "blob"
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


async def measure_put(put: Put) -> Metrics:
    """Put a blob."""
    async with _prepared() as client:
        before, key = _peak(), uuid4().hex
        begun = perf_counter()
        await put(client, key, BLOB)
        seconds = perf_counter() - begun
        growth = _peak() - before
        await client.delete_object(Bucket=BUCKET, Key=key)
        return {"s": seconds, "growth MiB": growth}


async def measure_get(get: Get) -> Metrics:
    """Get a blob a few times, of which the quickest counts: it is over so soon that anything disturbs it."""
    async with _prepared() as client:
        before = _peak()
        seconds = min([await _time_get(get, client) for _ in range(GETS)])
        return {"s": seconds, "growth MiB": _peak() - before}


async def _time_get(get: Get, client: S3Client) -> float:
    begun = perf_counter()
    assert await get(client, BLOB_KEY) == BLOB
    return perf_counter() - begun


def _peak() -> float:
    """Give the greatest resident memory of this process in MiB; ``ru_maxrss`` is also that of whoever started it."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


@asynccontextmanager
async def _prepared() -> AsyncIterator[S3Client]:
    """Give a client that has done something already, so that what it loads once is not counted."""
    async with client_of(SERVER.address) as client:
        await S3BucketRepository(lambda: client, BUCKET).validate()
        await our_put(client, "small", MIB)
        await our_get(client, "small")
        yield client


async def put_the_blob() -> None:
    """Put the blob that is got."""
    async with _prepared() as client:
        await our_put(client, BLOB_KEY, BLOB)


def _start_with_a_blob() -> None:
    """Start the server, and have another process put the blob there, so that this one stays small."""
    SERVER.start()
    must_run([PYTHON, "-c", f"import asyncio; from {__name__} import put_the_blob; asyncio.run(put_the_blob())"])


def workloads() -> list[Workload]:
    """Give one for each direction."""
    goals = [
        AtMost("ours", "s", 1 / 0.9, times="bare"),
        AtMost("ours", "growth MiB", 64),
    ]
    put = Workload(
        name="w6-put",
        title=f"{BLOB // MIB} MiB into S3",
        cases=[
            FunctionCase("bare", partial(measure_put, bare_put)),
            FunctionCase("ours", partial(measure_put, our_put)),
        ],
        baseline="bare",
        goals=[*goals, AtMost("ours", "peak MiB", 110)],
        rounds=3,
        prepare=SERVER.start,
        clean_up=SERVER.stop,
    )
    get = Workload(
        name="w6-get",
        title=f"{BLOB // MIB} MiB out of S3",
        cases=[
            FunctionCase("bare", partial(measure_get, bare_get)),
            FunctionCase("ours", partial(measure_get, our_get)),
        ],
        baseline="bare",
        goals=[*goals, AtMost("ours", "peak MiB", 90)],
        prepare=_start_with_a_blob,
        clean_up=SERVER.stop,
    )
    return [put, get]
