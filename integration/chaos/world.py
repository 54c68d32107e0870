"""The stores behind their proxies, and the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from integration.chaos.scene import Scene
from integration.faulty_proxy import FaultyProxy, faulty_proxy
from integration.kube.stub.cluster import StubCluster
from integration.mongo_server import host_and_port
from integration.s3_server import SMALLEST_PART, S3Server
from integration.server_process import HOST
from integration.tcp_proxy import TCPProxy, tcp_proxy

SECONDS = 0.25


@dataclass
class World:
    """What the pipeline works with, and what lets it go wrong."""

    scene: Scene
    s3_faults: FaultyProxy
    stub: StubCluster
    proxies: dict[str, TCPProxy]

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.s3_faults.plan()
        self.stub.faults.heal()
        for proxy in self.proxies.values():
            proxy.accepts, proxy.silent = True, False

    async def refuse(self, store: str, seconds: float) -> None:
        """Let a store not be reached for a while."""
        proxy = self.proxies[store]
        proxy.accepts = False
        proxy.cut()
        await asyncio.sleep(seconds)
        proxy.accepts = True

    async def silence(self, store: str, seconds: float) -> None:
        """Let a store not answer for a while; what was asked meanwhile is lost."""
        proxy = self.proxies[store]
        proxy.silent = True
        await asyncio.sleep(seconds)
        proxy.silent = False
        proxy.cut()


@asynccontextmanager
async def open_world(
    directory: Path, s3: S3Server, bucket: str, mongodb_url: str, database: str, stub: StubCluster, app: str
) -> AsyncIterator[World]:
    """Put proxies in front of all servers while the block lasts."""
    async with (
        faulty_proxy(urlsplit(s3.endpoint).netloc) as s3_faults,
        tcp_proxy(*_address(s3_faults.address)) as s3_proxy,
        tcp_proxy(*host_and_port(mongodb_url)) as mongo_proxy,
        tcp_proxy(HOST, stub.port) as cluster_proxy,
    ):
        scene = Scene(
            str(directory),
            f"http://{HOST}:{s3_proxy.port}",
            s3.access_key,
            s3.secret_key,
            s3.region,
            bucket,
            SMALLEST_PART,
            _by_way_of(mongodb_url, mongo_proxy),
            database,
            app,
            SECONDS,
        )
        for name in ("texts", "locks", "logs"):
            scene.path(name).mkdir(parents=True)
        stub.write_kubeconfig(scene.kubeconfig, url=f"http://{HOST}:{cluster_proxy.port}")
        proxies = {"s3": s3_proxy, "mongo": mongo_proxy, "cluster": cluster_proxy}
        yield World(scene, s3_faults, stub, proxies)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _by_way_of(url: str, proxy: TCPProxy) -> str:
    """Give a server's URL with the proxy's address in it, and ask for no other member of its replica set."""
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    query = "&".join(filter(None, [parts.query, "directConnection=true"]))
    netloc = f"{credentials}{at}{HOST}:{proxy.port}"
    return parts._replace(netloc=netloc, path=parts.path or "/", query=query).geturl()
