from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar

from file_side_door import FileSideDoor
from typing_extensions import override

from pydatatask_core.testing import RepositoryContract
from pydatatask_storage import DirectoryRepository, FileRepositoryBase


class TestDirectoryRepository(FileSideDoor, RepositoryContract[DirectoryRepository]):
    @override
    async def make_repository(self) -> DirectoryRepository:
        repository = DirectoryRepository(tempfile.mkdtemp(dir=self.tmp_path))
        await repository.validate()
        return repository

    @override
    async def put(self, repository: DirectoryRepository, job: str) -> None:
        (self.path(repository, job) / "below").mkdir(parents=True)


class TestDurableDirectoryRepository(TestDirectoryRepository):
    @override
    async def make_repository(self) -> DirectoryRepository:
        repository = DirectoryRepository(tempfile.mkdtemp(dir=self.tmp_path), ".d", fsync=True)
        await repository.validate()
        return repository


class TestDirectoryRepositoryWithoutEmptyOnes(TestDirectoryRepository):
    counts_revisions: ClassVar[bool] = False

    @override
    async def make_repository(self) -> DirectoryRepository:
        place = Path(tempfile.mkdtemp(dir=self.tmp_path))
        (place / "empty.d").mkdir()
        repository = DirectoryRepository(place, ".d", True, discard_empty=True)
        await repository.validate()
        return repository

    @override
    async def settle(self, repository: FileRepositoryBase) -> None:
        """Not wait: there is no token to wait for."""
