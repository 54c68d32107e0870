"""What copying a large blob into S3 and out again takes of memory, in a process that does nothing else."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from integration.s3_server import S3Server

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

MIB = 1 << 20
SIZE = 200 * MIB
MOST = 64 * MIB
"""By how much the resident memory may grow; it would be the blob's size if anything kept it."""

COPY = """
    import asyncio, json, sys
    from aiobotocore.session import get_session
    from pydatatask_core import async_copyfile
    from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase
    from pydatatask_storage import S3BucketRepository

    class Source(ReadStreamBase):
        def __init__(self, size):
            self.left = size

        async def read(self, n=None):
            n = min(n, self.left)
            self.left -= n
            return b"x" * n

        async def close(self):
            pass

    class Sink(WriteStreamBase):
        size = 0

        async def _stage(self, data):
            self.size += len(data)

        async def _commit(self):
            pass

        async def _discard(self):
            pass

    def peak():  # not ru_maxrss, which has that of whoever started this process as well
        return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024

    async def copy(repository, size):
        async with await repository.open("blob", "wb") as target:
            await async_copyfile(Source(size), target)
        grown = peak()
        sink = Sink()
        async with await repository.open("blob", "rb") as source:
            await async_copyfile(source, sink)
        assert sink.size == size
        return grown

    async def main(endpoint, access_key, secret_key, region, bucket, size):
        async with get_session().create_client(
            "s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key,
            region_name=region,
        ) as client:
            repository = S3BucketRepository(lambda: client, bucket)
            await copy(repository, 1 << 20)
            before = peak()
            written = await copy(repository, int(size))
            print(json.dumps({"in": written - before, "out": peak() - before}))

    asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.requirement("s3.bounded-memory", "blob.bounded-memory")
async def test_a_large_blob_is_never_held(s3_server: S3Server, s3_client: S3Client, s3_bucket: str) -> None:
    server = s3_server
    place = [server.endpoint, server.access_key, server.secret_key, server.region, s3_bucket, str(SIZE)]
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", dedent(COPY), *place], stdout=subprocess.PIPE, text=True, check=True
    )
    assert (await s3_client.head_object(Bucket=s3_bucket, Key="blob"))["ContentLength"] == SIZE
    growth: dict[str, int] = json.loads(done.stdout)
    assert 0 < growth["in"] < MOST
    assert growth["out"] < MOST
