from __future__ import annotations

from typing import ClassVar

import pytest
from memory_side_door import MemorySideDoor
from typing_extensions import override

from pydatatask_core import MapRepository, ReadyRepository, Repository
from pydatatask_core.testing import ViewContract
from pydatatask_storage import (
    AggregateAndRepository,
    AggregateOrRepository,
    BlockingRepository,
    InProcessBlobRepository,
    InProcessMetadataRepository,
)


class TestAggregateOrRepository(MemorySideDoor, ViewContract[AggregateOrRepository]):
    @override
    async def make_repository(self) -> AggregateOrRepository:
        return AggregateOrRepository(one=InProcessMetadataRepository(), two=InProcessBlobRepository())


class TestAggregateOrRepositoryWithAnEmptyChild(MemorySideDoor, ViewContract[AggregateOrRepository]):
    @override
    async def make_repository(self) -> AggregateOrRepository:
        return AggregateOrRepository(one=InProcessMetadataRepository(), two=InProcessBlobRepository())

    @override
    def stores(self, repository: Repository) -> list[dict[str, object]]:
        return super().stores(repository)[:1]


class TestAggregateAndRepository(MemorySideDoor, ViewContract[AggregateAndRepository]):
    @override
    async def make_repository(self) -> AggregateAndRepository:
        return AggregateAndRepository(one=InProcessMetadataRepository(), two=InProcessBlobRepository())


@pytest.mark.parametrize("enumerate_unless", [True, False])
class TestBlockingRepository(MemorySideDoor, ViewContract[BlockingRepository]):
    @pytest.fixture(autouse=True)
    def _parametrized(self, enumerate_unless: bool) -> None:
        self.enumerate_unless = enumerate_unless

    @override
    async def make_repository(self) -> BlockingRepository:
        source, unless = InProcessMetadataRepository(), InProcessMetadataRepository()
        return BlockingRepository(source, unless, self.enumerate_unless)

    @override
    def stores(self, repository: Repository) -> list[dict[str, object]]:
        return super().stores(repository)[:1]


class TestMapRepository(MemorySideDoor, ViewContract[MapRepository]):
    @override
    async def make_repository(self) -> MapRepository:
        return InProcessMetadataRepository().map(lambda info: ("mapped", info), allow_deletes=True)


class TestMapRepositoryWithoutDeletes(MemorySideDoor, ViewContract[MapRepository]):
    deletes: ClassVar[bool] = False

    @override
    async def make_repository(self) -> MapRepository:
        return InProcessMetadataRepository().map(lambda info: ("mapped", info))


class TestFilteringMapRepository(MemorySideDoor, ViewContract[MapRepository]):
    counts_revisions: ClassVar[bool] = False

    @override
    async def make_repository(self) -> MapRepository:
        repository = InProcessMetadataRepository()
        repository.data["filtered"] = 0

        async def is_other(job: str) -> bool:
            return job != "filtered"

        return repository.map(str, is_other, allow_deletes=True)


class TestReadyRepository(MemorySideDoor, ViewContract[ReadyRepository]):
    deletes: ClassVar[bool] = False

    @override
    async def make_repository(self) -> ReadyRepository:
        required = [InProcessMetadataRepository(), InProcessBlobRepository()]
        return ReadyRepository(required, [InProcessMetadataRepository()])

    @override
    def stores(self, repository: Repository) -> list[dict[str, object]]:
        return super().stores(repository)[:2]
