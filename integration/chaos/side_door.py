"""What is in the stores, as their own clients tell: without our library, and past all proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from integration.chaos.scene import Scene

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorDatabase
    from types_aiobotocore_s3.client import S3Client

    Database: TypeAlias = AsyncIOMotorDatabase[dict[str, Any]]

Values: TypeAlias = dict[str, bytes]
Records: TypeAlias = dict[str, Mapping[str, Any]]

WRITTEN = ("rotated", "reports", "rotate-done")
"""The directories that the pipeline writes to."""

DECOYS = {
    "blobs": "decoywithoutstore",
    "rotated": "decoywithoutrotate",
    "digests": "decoywithoutdigest",
}
"""Jobs that have one of a task's inputs, and are never ready for it, by repository."""


@dataclass
class SideDoor:
    """Looks into the stores."""

    scene: Scene
    s3: S3Client
    database: Database

    async def put_decoys(self) -> None:
        for repository, suffix in (("blobs", ""), ("digests", ".log")):
            await self.s3.put_object(
                Bucket=self.scene.bucket, Key=f"{repository}/{DECOYS[repository]}{suffix}", Body=b"not ready"
            )
        self.scene.path("rotated").mkdir()
        (self.scene.path("rotated") / DECOYS["rotated"]).write_bytes(b"not ready")

    async def records(self) -> Mapping[str, Records]:
        """Give the records of completions, by task."""
        reported = await self._objects("reported/", ".yaml")
        rotated = self._files("rotate-done", ".yaml")
        return {
            "store": await self.documents("stored"),
            "rotate": {job: yaml.safe_load(text) for job, text in rotated.items()},
            "digest": await self.documents("digested"),
            "report": {job: yaml.safe_load(text) for job, text in reported.items()},
        }

    async def values(self) -> Mapping[str, Values]:
        """Give all values, by repository."""
        return {
            "blobs": await self._objects("blobs/", ""),
            "rotated": self._files("rotated", ""),
            "digests": await self._objects("digests/", ".log"),
            "reports": self._files("reports", ".txt"),
        }

    def _files(self, name: str, suffix: str) -> Values:
        directory = self.scene.path(name)
        paths = directory.iterdir() if directory.exists() else ()
        return {path.name.removesuffix(suffix): path.read_bytes() for path in paths if path.name[0] != "."}

    async def _objects(self, prefix: str, suffix: str) -> Values:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.scene.bucket, Prefix=prefix)
        keys = [item["Key"] async for page in pages for item in page.get("Contents", ())]
        contents = await asyncio.gather(*map(self._object, keys))
        return {
            key.removeprefix(prefix).removesuffix(suffix): content for key, content in zip(keys, contents, strict=True)
        }

    async def _object(self, key: str) -> bytes:
        answer = await self.s3.get_object(Bucket=self.scene.bucket, Key=key)
        async with answer["Body"] as body:
            return await body.read()

    async def documents(self, name: str) -> Records:
        """Give the records of a MongoDB collection."""
        return {document.pop("_id"): document async for document in self.database[name].find({})}

    async def uploads(self) -> dict[str, str]:
        """Give the multipart uploads that are neither completed nor aborted, and the job of each."""
        answer = await self.s3.list_multipart_uploads(Bucket=self.scene.bucket)
        return {upload["UploadId"]: upload["Key"].removeprefix("blobs/") for upload in answer.get("Uploads", ())}

    def staged(self) -> set[str]:
        """Give the staged files."""
        directories = [self.scene.path(name) for name in WRITTEN]
        return {str(path) for directory in directories if directory.exists() for path in directory.glob(".*")}
