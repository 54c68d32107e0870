"""A mounted pipeline whose jobs are objects of S3."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from integration import fuse_s3_pipeline
from integration.fuse_mount import Mount, sh
from integration.s3_server import S3Server, object_names
from integration.tcp_proxy import TCPProxy, tcp_proxy

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

MIB = 1 << 20


@pytest.fixture
async def proxy(s3_server: S3Server) -> AsyncIterator[TCPProxy]:
    """What stands between the mount and the server."""
    server = urlsplit(s3_server.endpoint)
    async with tcp_proxy(server.hostname or "", server.port or 80) as made:
        yield made


@pytest.fixture
async def mounted(
    mounter: Callable[..., Mount],
    s3_server: S3Server,
    s3_bucket: str,
    proxy: TCPProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> Mount:
    """The pipeline, mounted."""
    root = str(Path(__file__).parent.parent)
    settings = {
        fuse_s3_pipeline.ENDPOINT: f"http://127.0.0.1:{proxy.port}",
        fuse_s3_pipeline.BUCKET: s3_bucket,
        fuse_s3_pipeline.KEY: s3_server.access_key,
        fuse_s3_pipeline.SECRET: s3_server.secret_key,
        "PYTHONPATH": root,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return await asyncio.to_thread(mounter, script=fuse_s3_pipeline.__file__)


async def run(command: str, mounted: Mount, check: bool = True) -> str:
    """Run a command beside the proxy, which lives in this event loop."""
    return await asyncio.to_thread(sh, command, mounted.path / "work", check)


@pytest.mark.requirement("fuse.sizes", "fuse.blobs")
async def test_objects_are_files_of_their_size(mounted: Mount, s3_client: S3Client, s3_bucket: str) -> None:
    value = os.urandom(3 * MIB + 7)
    await s3_client.put_object(Bucket=s3_bucket, Key="blobs/one.bin", Body=value)
    assert await run("stat -c %s blobs/one; ls blobs", mounted) == f"{len(value)}\none\n"
    (mounted.store / "expected").write_bytes(value)
    await run(f"cmp blobs/one {mounted.store}/expected; cp blobs/one blobs/two; echo 'words: 3' > records/one", mounted)
    answer = await s3_client.get_object(Bucket=s3_bucket, Key="blobs/two.bin")
    assert await answer["Body"].read() == value
    assert await run("stat -c %s records/one; cat records/one", mounted) == "9\nwords: 3\n"
    await run("rm blobs/one; mv blobs/two blobs/three", mounted)
    assert await object_names(s3_client, s3_bucket) == ["blobs/three.bin", "records/one.yaml"]


@pytest.mark.requirement("fuse.errors", "fuse.whole")
async def test_a_server_that_is_gone_is_an_error_where_it_was_needed(
    mounted: Mount, proxy: TCPProxy, s3_client: S3Client, s3_bucket: str
) -> None:
    await s3_client.put_object(Bucket=s3_bucket, Key="blobs/one.bin", Body=b"old")
    await run("cat blobs/one", mounted)
    proxy.accepts = False
    proxy.cut()
    assert "No route to host" in await run("cat blobs/one", mounted, check=False)
    assert "No route to host" in await run("ls blobs", mounted, check=False)
    assert sorted(os.listdir(mounted.path / "work")) == ["blobs", "records"]
    proxy.accepts = True
    assert await run("cat blobs/one", mounted) == "old"


@pytest.mark.requirement("fuse.errors", "fuse.whole")
async def test_an_upload_that_fails_is_an_error_on_close_and_changes_nothing(
    mounted: Mount, proxy: TCPProxy, s3_client: S3Client, s3_bucket: str
) -> None:
    await s3_client.put_object(Bucket=s3_bucket, Key="blobs/one.bin", Body=b"old")
    (mounted.store / "large").write_bytes(os.urandom(30 * MIB))

    async def cut_off() -> None:
        enough = proxy.bytes_to_server + 10 * MIB
        while proxy.bytes_to_server < enough:  # noqa: ASYNC110 - the proxy tells nobody
            await asyncio.sleep(0.01)
        proxy.accepts = False
        proxy.cut()

    async with asyncio.TaskGroup() as group:
        group.create_task(cut_off())
        assert "No route to host" in await run(f"cp {mounted.store}/large blobs/one", mounted, check=False)
    proxy.accepts = True
    assert await run("cat blobs/one; ls blobs", mounted) == "oldone\n"
