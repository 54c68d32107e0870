"""The pipeline, to be run as `python -m integration.chaos.pipeline COMMAND …`; `PYDATATASK_TEST_SCENE` says over what.

========  ======================  ========================================  ======================  =================
task      runs                    input                                     output                  status
========  ======================  ========================================  ======================  =================
`store`   in the pipeline         `texts`, files                            `blobs`, S3             MongoDB
`rotate`  a process               `blobs`, by standard input                `rotated`, files        files, pids MongoDB
`digest`  a pod                   `rotated`, by its path                    its log, S3             MongoDB
`report`  in the pipeline         the log, and `rotated`                    `reports`, files        S3
========  ======================  ========================================  ======================  =================
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from integration.chaos.journal import attempt, shell_attempt
from integration.chaos.scene import Scene
from integration.kube.shell_pods import FAST, QUICK, shell
from pydatatask_cli import main
from pydatatask_core import BlobRepository, Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import InProcessSyncTask, KubeTask, LocalLinuxManager, PodManager, ProcessTask
from pydatatask_storage import (
    FileRepository,
    MongoMetadataRepository,
    S3BucketRepository,
    YamlMetadataFileRepository,
    YamlMetadataS3Repository,
)
from pydatatask_storage.s3.parts import PartPlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from motor.motor_asyncio import AsyncIOMotorDatabase
    from types_aiobotocore_s3.client import S3Client

    Bucket: TypeAlias = Callable[[], S3Client]
    Records: TypeAlias = Callable[[], AsyncIOMotorDatabase[dict[str, Any]]]

AT_A_TIME = 6
"""How many processes, and pods, the quotas admit."""

_BLOCK = 1 << 16
_PATIENCE = "serverSelectionTimeoutMS=3000&connectTimeoutMS=2000&socketTimeoutMS=3000"


def s3_resource(scene: Scene, session: Session) -> Bucket:
    """The client for S3, which does not wait for ever."""

    @session.resource
    async def bucket() -> AsyncGenerator[S3Client, None]:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        async with get_session().create_client(
            "s3",
            endpoint_url=scene.s3_endpoint,
            aws_access_key_id=scene.s3_access_key,
            aws_secret_access_key=scene.s3_secret_key,
            region_name=scene.s3_region,
            config=AioConfig(connect_timeout=2, read_timeout=3),
        ) as client:
            yield client

    return bucket


def mongo_resource(scene: Scene, session: Session) -> Records:
    """The database, by way of a client that does not wait for ever either."""

    @session.resource
    async def records() -> AsyncGenerator[AsyncIOMotorDatabase[dict[str, Any]], None]:
        from motor.motor_asyncio import AsyncIOMotorClient

        separator = "&" if "?" in scene.mongodb_url else "?"
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(scene.mongodb_url + separator + _PATIENCE)
        yield client[scene.database]
        client.close()

    return records


class Stages:
    """The repositories, and the tasks between them."""

    def __init__(self, scene: Scene) -> None:
        class SmallPartsRepository(S3BucketRepository):
            PARTS: ClassVar[PartPlan] = PartPlan(first=scene.part, bytes_in_flight=2 * scene.part)

        self.scene = scene
        self.session = Session()
        bucket = s3_resource(scene, self.session)
        self.records = mongo_resource(scene, self.session)
        self.texts = FileRepository(scene.path("texts"), ".txt")
        self.blobs = SmallPartsRepository(bucket, scene.bucket, "blobs/")
        self.rotated = FileRepository(scene.path("rotated"))
        self.digests = S3BucketRepository(bucket, scene.bucket, "digests/", ".log")
        self.reports = FileRepository(scene.path("reports"), ".txt")
        self.reported = YamlMetadataS3Repository(bucket, scene.bucket, "reported/")
        self.processes = ResourceManager(Resources.parse(AT_A_TIME, "1Gi"))
        self.pods = ResourceManager(Resources.parse(f"{AT_A_TIME}m", "1Gi"))

    def store(self) -> InProcessSyncTask:
        async def function(job: str, texts: FileRepository, blobs: BlobRepository) -> None:
            with attempt(self.scene, "store", job):
                async with await texts.open(job, "rb") as source, await blobs.open(job, "wb") as target:
                    while block := await source.read(_BLOCK):
                        await target.write(block.swapcase())

        task = InProcessSyncTask("store", MongoMetadataRepository(self.records, "stored"), func=function)
        task.link("texts", self.texts, is_input=True)
        task.link("blobs", self.blobs, is_output=True)
        return task

    def rotate(self) -> ProcessTask:
        manager = LocalLinuxManager(self.scene.app, self.scene.targets)
        return ProcessTask(
            "rotate",
            lambda: manager,
            self.processes,
            Resources.parse(1, "1Mi"),
            MongoMetadataRepository(self.records, "pids"),
            "#!/bin/sh\n" + shell_attempt(self.scene, "tr A-Za-z N-ZA-Mn-za-m"),
            done=YamlMetadataFileRepository(self.scene.path("rotate-done")),
            stdin=self.blobs,
            stdout=self.rotated,
        )

    def digest(self) -> KubeTask:
        @self.session.resource
        async def podman() -> AsyncGenerator[PodManager, None]:
            manager = PodManager(self.scene.app, "default", limits=FAST, times=QUICK)
            try:
                yield manager
            finally:
                await manager.close()

        template = shell("busybox", shell_attempt(self.scene, "sha256sum <{{stdout}}"))
        done = MongoMetadataRepository(self.records, "digested")
        return KubeTask("digest", podman, self.pods, template, self.digests, done)

    def report(self) -> InProcessSyncTask:
        async def function(job: str, digests: BlobRepository, rotated: FileRepository, reports: FileRepository) -> None:
            with attempt(self.scene, "report", job):
                async with await digests.open(job, "r") as log:
                    digest = (await log.read()).partition(" ")[0]  # nothing if the pod was killed before
                async with await rotated.open(job, "rb") as text:
                    size = len(await text.read())
                async with await reports.open(job, "w") as report:
                    await report.write(f"{job} has {size} bytes with the digest {digest}\n")

        task = InProcessSyncTask("report", self.reported, func=function)
        task.link("digests", self.digests, is_input=True)
        task.link("rotated", self.rotated, is_input=True)
        task.link("reports", self.reports, is_output=True)
        return task

    def pipeline(self) -> Pipeline:
        store, rotate, digest, report = self.store(), self.rotate(), self.digest(), self.report()
        rotate.plug(store)
        digest.plug(rotate)
        report.plug(digest)
        return Pipeline([report, digest, rotate, store], self.session, [self.processes, self.pods])


if __name__ == "__main__":
    main(Stages(Scene.from_environ()).pipeline())
