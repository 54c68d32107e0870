"""Stream that writes an object of S3: a small one in one request, a large one part by part."""

from __future__ import annotations

import io

from typing_extensions import override

from pydatatask_core.streams.bases import WriteStreamBase
from pydatatask_storage.bytes_like import as_bytes
from pydatatask_storage.s3.errors import s3_errors
from pydatatask_storage.s3.parts import PartPlan
from pydatatask_storage.s3.upload import MultipartUpload, S3Target

__all__ = ["S3Writer"]


class S3Writer(WriteStreamBase):
    """A stream whose bytes become an object when it is closed.

    What fits into one part is put in one request; for what is larger, a multipart upload is begun.

    :param job: The job whose value is written.
    :param target: The object to write.
    :param plan: How it is cut into parts.
    """

    def __init__(self, job: str, target: S3Target, plan: PartPlan) -> None:
        self._job = job
        self._target = target
        self._plan = plan
        self._upload: MultipartUpload | None = None
        self._number = 1
        self._part = io.BytesIO()

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._target.place}>"

    @override
    async def _stage(self, data: bytes) -> None:
        rest = memoryview(as_bytes(data, self._job))
        while rest:
            room = self._plan.size(self._number) - self._part.tell()
            if not room:
                await self._send_part()
                continue
            self._part.write(rest[:room])
            rest = rest[room:]

    async def _send_part(self) -> None:
        if self._upload is None:
            self._upload = MultipartUpload(self._target)
        await self._upload.send(self._number, self._part, self._plan.slots(self._number))
        self._part = io.BytesIO()
        self._number += 1

    @override
    async def _commit(self) -> None:
        if self._upload is None:
            await self._put()
            return
        await self._send_part()
        await self._upload.complete()

    async def _put(self) -> None:
        with s3_errors(self._target.place):
            await self._target.put(self._part)

    @override
    async def _discard(self) -> None:
        self._part = io.BytesIO()
        if self._upload is not None:
            await self._upload.abort()
