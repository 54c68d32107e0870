"""Metadata repositories that keep their records as YAML in the blobs of another repository."""

from __future__ import annotations

import asyncio
from abc import ABC
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from typing_extensions import override

from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_storage.plain_types import is_plain_dict
from pydatatask_storage.yaml.serialization import dump_record, load_record

__all__ = ["YamlMetadataRepository"]

_AT_A_TIME = 64
_SMALL_TEXT = 16 * 1024
_SMALL_RECORD = 32
_SCALARS = frozenset({str, int, float, bool, type(None), datetime})


class YamlMetadataRepository(BlobRepository, MetadataRepository, ABC):
    """A metadata repository based on a blob repository. When :meth:`info` is accessed, it will load the target file
    into memory, parse it as yaml, and return the resulting object.

    This is a base class, and must be combined with a blob repository that loads and stores the text::

        class YamlMetadataFileRepository(YamlMetadataRepository, FileRepository): ...
    """

    @override
    async def info(self, job: str) -> Any:
        """Load the record of ``job``.

        :param job: The job.
        :raises JobNotFoundError: The job is not there; the error is also a ``FileNotFoundError``.
        :raises BrokenRecordError: The blob is not valid YAML.
        """
        async with await self.open(job, "rb") as stream:
            data = await stream.read()
        name = self._name(job)
        if len(data) <= _SMALL_TEXT:
            return load_record(data, name)
        return await asyncio.to_thread(load_record, data, name)

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.require_valid(job)
        name = self._name(job)
        text = dump_record(data, name) if _is_small(data) else await asyncio.to_thread(dump_record, data, name)
        async with await self.open(job, "wb") as stream:
            await stream.write(text)

    @override
    async def info_all(self) -> dict[str, Any]:
        """Load all records, many at a time. A job that disappears meanwhile is left out.

        :raises BrokenRecordError: One of the blobs is not valid YAML.
        """
        jobs = iter(await self.keys())
        infos: dict[str, Any] = {}
        while some := list(islice(jobs, _AT_A_TIME)):
            infos |= await self._load_some(some)
        return infos

    async def _load_some(self, jobs: Iterable[str]) -> dict[str, Any]:
        infos: dict[str, Any] = {}

        async def load(job: str) -> None:
            try:
                infos[job] = await self.info(job)
            except JobNotFoundError:
                return  # deleted since the listing

        await asyncio.gather(*map(load, jobs))
        return infos

    def _name(self, job: str) -> str:
        return f"the record of job {job!r} of {self.describe()}"


def _is_small(record: object) -> bool:
    """Return whether a record is flat and has few items, so that converting it takes no noticeable time."""
    if is_plain_dict(record):
        return len(record) <= _SMALL_RECORD and all(type(value) in _SCALARS for value in record.values())
    return type(record) in _SCALARS
