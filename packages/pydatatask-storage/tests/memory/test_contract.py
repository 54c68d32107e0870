from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pydatatask_core.testing import BlobContract, MetadataContract
from pydatatask_storage import InProcessBlobRepository, InProcessMetadataRepository


class TestInProcessMetadataRepository(MetadataContract[InProcessMetadataRepository]):
    counts_revisions: ClassVar[bool] = True
    info_of_absent: ClassVar[object] = None
    refused_records: ClassVar[Sequence[Any]] = ()

    @override
    async def make_repository(self) -> InProcessMetadataRepository:
        return InProcessMetadataRepository()

    @override
    async def put_raw_record(self, repository: InProcessMetadataRepository, job: str, record: dict[str, Any]) -> None:
        repository.data[job] = record

    @override
    async def get_raw_record(self, repository: InProcessMetadataRepository, job: str) -> Any:
        return repository.data.get(job)

    @override
    async def raw_keys(self, repository: InProcessMetadataRepository) -> set[str]:
        return set(repository.data)


class TestInProcessMetadataRepositoryOverAnotherDict(TestInProcessMetadataRepository):
    counts_revisions: ClassVar[bool] = False

    @override
    async def make_repository(self) -> InProcessMetadataRepository:
        return InProcessMetadataRepository({})


class TestInProcessBlobRepository(BlobContract[InProcessBlobRepository]):
    counts_revisions: ClassVar[bool] = True

    @override
    async def make_repository(self) -> InProcessBlobRepository:
        return InProcessBlobRepository()

    @override
    async def put_raw(self, repository: InProcessBlobRepository, job: str, data: bytes) -> None:
        repository.data[job] = data

    @override
    async def get_raw(self, repository: InProcessBlobRepository, job: str) -> bytes | None:
        return repository.data.get(job)

    @override
    async def raw_keys(self, repository: InProcessBlobRepository) -> set[str]:
        return set(repository.data)


class TestInProcessBlobRepositoryOverAnotherDict(TestInProcessBlobRepository):
    counts_revisions: ClassVar[bool] = False

    @override
    async def make_repository(self) -> InProcessBlobRepository:
        return InProcessBlobRepository({})
