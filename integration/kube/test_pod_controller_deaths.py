"""A controller of pods dies before any one of its writes: to a store, or to the cluster. The next one goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from typing_extensions import override

from integration.kube.failing_pods import FailingStage, retry
from integration.kube.shell_pods import FAST, QUICK
from integration.kube.stub.cluster import StubCluster
from pydatatask_core import Session
from pydatatask_core.streams.byte_streams import AWriteStream
from pydatatask_exec import PodManager
from pydatatask_storage import InProcessBlobRepository, InProcessMetadataRepository

ATTEMPTS = 2


class Fuse:
    """After so many writes a controller is dead, and can write nothing any more."""

    def __init__(self, writes: int) -> None:
        self.left = writes
        self.blown = asyncio.Event()

    def write(self) -> None:
        if self.left == 0 or self.blown.is_set():
            self.blown.set()
            raise OSError("this controller is dead")
        self.left -= 1


class MortalRecords(InProcessMetadataRepository):
    """Records that a controller can write only while it lives."""

    def __init__(self, data: dict[str, Any], fuse: Fuse) -> None:
        super().__init__(data)
        self.fuse = fuse

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.fuse.write()
        await super().dump(job, data)

    @override
    async def delete(self, job: str) -> None:
        if job in self.data:
            self.fuse.write()
        await super().delete(job)


class MortalLogs(InProcessBlobRepository):
    """Logs that a controller can write only while it lives."""

    def __init__(self, data: dict[str, bytes], fuse: Fuse) -> None:
        super().__init__(data)
        self.fuse = fuse

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        self.fuse.write()
        return await super().open_writer(job)


class MortalManager(PodManager):
    """A manager that changes pods only while its controller lives."""

    fuse: Fuse

    @override
    async def launch(self, job: str, task: str, manifest: Mapping[str, Any]) -> None:
        self.fuse.write()
        await super().launch(job, task, manifest)

    @override
    async def delete_by_uid(self, name: str, uid: str, grace: int | None = None) -> None:
        self.fuse.write()
        await super().delete_by_uid(name, uid, grace)


@dataclass
class MortalStage(FailingStage):
    """A task whose controller dies."""

    fuse: Fuse = field(default_factory=lambda: Fuse(0))

    @override
    def session(self) -> tuple[Session, Callable[[], PodManager]]:
        session = Session()

        @session.resource
        async def podman() -> AsyncGenerator[PodManager, None]:
            cluster = self.cluster
            manager = MortalManager(cluster.app, cluster.namespace, cluster.configuration, limits=FAST, times=QUICK)
            manager.fuse = self.fuse
            try:
                yield manager
            finally:
                await manager.close()

        return session, podman

    async def run_until_dead(self, template: str) -> None:
        """Run the job to its end, or until the controller is dead."""
        _task, pipeline = self.failing_task(template, retry=retry(attempts=ATTEMPTS))
        with suppress(OSError, ExceptionGroup):
            async with pipeline:
                run = asyncio.create_task(pipeline.run(timeout=60))
                death = asyncio.create_task(self.fuse.blown.wait())
                await asyncio.wait([run, death], return_when=asyncio.FIRST_COMPLETED)
                for task in (run, death):
                    task.cancel()
                await asyncio.wait([run, death])


def mortal(after: FailingStage, fuse: Fuse) -> MortalStage:
    """A controller of the same job, over the same stores."""
    return MortalStage(
        after.cluster,
        logs=MortalLogs(after.logs.data, fuse),
        done=MortalRecords(after.done.data, fuse),
        failures=MortalRecords(after.failures.data, fuse),
        fuse=fuse,
    )


@pytest.mark.timeout(300)
@pytest.mark.requirement("outcome.crash-safe", "pod.retry", "outcome.exactly-one")
@pytest.mark.parametrize("last_succeeds", [True, False])
async def test_a_controller_that_dies_at_any_write_loses_and_doubles_no_attempt(
    stub_failing_stage: FailingStage, stub: StubCluster, last_succeeds: bool
) -> None:
    cluster = stub_failing_stage.cluster
    template = stub_failing_stage.shell(f"echo attempt {{{{attempt}}}}; test {last_succeeds:d}{{{{attempt}}}} = 12")
    for writes in range(30):
        stage, before = FailingStage(cluster), len(stub.store.history)
        first = mortal(stage, Fuse(writes))
        await first.run_until_dead(template)
        await stage.finish(template, retry=retry(attempts=ATTEMPTS))
        outcome = stage.done.data if last_succeeds else stage.failures.data
        assert (len(stage.done.data), len(stage.failures.data)) == ((1, 0) if last_succeeds else (0, 1))
        assert outcome["j"]["attempt"] == ATTEMPTS
        assert [entry["attempt"] for entry in outcome["j"]["earlier"]] == [1]
        assert stage.logs.data == {"j": b"attempt 2\n"}
        assert Counter(event.kind for event in stub.store.history[before:])["ADDED"] == ATTEMPTS
        assert stub.store.pods == {}
        if not first.fuse.blown.is_set():
            return
    pytest.fail("some run made more writes than any should")
