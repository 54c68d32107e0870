from __future__ import annotations

import tempfile

from file_side_door import FileSideDoor
from typing_extensions import override

from pydatatask_core.testing import BlobContract
from pydatatask_storage import FileRepository


class TestFileRepository(FileSideDoor, BlobContract[FileRepository]):
    @override
    async def make_repository(self) -> FileRepository:
        repository = FileRepository(tempfile.mkdtemp(dir=self.tmp_path))
        await repository.validate()
        return repository


class TestFileRepositoryWithExtension(FileSideDoor, BlobContract[FileRepository]):
    @override
    async def make_repository(self) -> FileRepository:
        repository = FileRepository(tempfile.mkdtemp(dir=self.tmp_path), ".txt", fsync=True)
        await repository.validate()
        return repository


class TestCaseInsensitiveFileRepository(FileSideDoor, BlobContract[FileRepository]):
    @override
    async def make_repository(self) -> FileRepository:
        repository = FileRepository(tempfile.mkdtemp(dir=self.tmp_path), ".Txt", case_insensitive=True)
        await repository.validate()
        return repository


class TestCaseInsensitiveFileRepositoryWithLongExtension(FileSideDoor, BlobContract[FileRepository]):
    @override
    async def make_repository(self) -> FileRepository:
        repository = FileRepository(tempfile.mkdtemp(dir=self.tmp_path), ".Spectrogram", case_insensitive=True)
        await repository.validate()
        return repository
