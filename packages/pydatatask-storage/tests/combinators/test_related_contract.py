from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from memory_side_door import MemorySideDoor
from typing_extensions import override

from pydatatask_core import Repository, TranslatedRepository
from pydatatask_core.testing import BlobTests, MetadataTests, UnfinishedWriterTests, ViewContract
from pydatatask_storage import InProcessBlobRepository, InProcessMetadataRepository, RelatedItemRepository


class RelatedSideDoor(MemorySideDoor):
    """Keeps the items in the base under other ids, and the translations in the translator."""

    counts_revisions: ClassVar[bool] = False

    @override
    def stores(self, repository: Repository) -> list[dict[str, Any]]:
        assert isinstance(repository, TranslatedRepository)
        base, translator = repository.base, repository.translator
        assert isinstance(base, InProcessBlobRepository | InProcessMetadataRepository)
        assert isinstance(translator, InProcessMetadataRepository)
        return [base.data, translator.data]

    @override
    async def put(self, repository: Repository, job: str) -> None:
        await self.put_raw(repository, job, b"item")

    @override
    async def put_raw(self, repository: Repository, job: str, data: bytes) -> None:
        await self._put(repository, job, data)

    @override
    async def get_raw(self, repository: Repository, job: str) -> bytes | None:
        data: bytes | None = await self._get(repository, job)
        return data

    async def put_raw_record(self, repository: Repository, job: str, record: dict[str, Any]) -> None:
        await self._put(repository, job, record)

    async def get_raw_record(self, repository: Repository, job: str) -> Any:
        return await self._get(repository, job)

    @override
    async def raw_keys(self, repository: Repository) -> set[str]:
        items, translations = self.stores(repository)
        return {job for job, target in translations.items() if target in items}

    async def _put(self, repository: Repository, job: str, data: object) -> None:
        items, translations = self.stores(repository)
        translations.setdefault(job, f"item{len(translations)}")
        items[translations[job]] = data

    async def _get(self, repository: Repository, job: str) -> Any:
        items, translations = self.stores(repository)
        return items.get(translations[job])


def translator() -> InProcessMetadataRepository:
    """A translator that knows where what is written under these ids is to go."""
    translations = {job: f"target{job}" for job in ("first", "second", "new", "kept", "absent")}
    return InProcessMetadataRepository(translations)


@pytest.mark.parametrize("prefetch", [True, False])
class Prefetching:
    @pytest.fixture(autouse=True)
    def _prefetching(self, prefetch: bool) -> None:
        self.prefetch = prefetch


@pytest.mark.requirement("related.iteration")
class TestRelatedItemRepository(Prefetching, RelatedSideDoor, ViewContract[RelatedItemRepository]):
    @override
    async def make_repository(self) -> RelatedItemRepository:
        base = InProcessMetadataRepository()
        return RelatedItemRepository(base, InProcessMetadataRepository(), True, self.prefetch)


class TestRelatedItemRepositoryWithoutDeletes(Prefetching, RelatedSideDoor, ViewContract[RelatedItemRepository]):
    deletes: ClassVar[bool] = False

    @override
    async def make_repository(self) -> RelatedItemRepository:
        base = InProcessBlobRepository()
        return RelatedItemRepository(base, InProcessMetadataRepository(), prefetch_lookup=self.prefetch)


@pytest.mark.requirement("related.type-of-base")
class TestRelatedBlobs(Prefetching, RelatedSideDoor, BlobTests[Any], UnfinishedWriterTests[Any]):
    @override
    async def make_repository(self) -> RelatedItemRepository:
        return RelatedItemRepository(InProcessBlobRepository(), translator(), True, self.prefetch)


@pytest.mark.requirement("related.type-of-base")
class TestRelatedRecords(Prefetching, RelatedSideDoor, MetadataTests[Any]):
    info_of_absent: ClassVar[object] = None
    refused_records: ClassVar[Sequence[Any]] = ()

    @override
    async def make_repository(self) -> RelatedItemRepository:
        return RelatedItemRepository(InProcessMetadataRepository(), translator(), True, self.prefetch)
