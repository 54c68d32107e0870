from __future__ import annotations

import tempfile

from file_side_door import FileSideDoor
from typing_extensions import override

from pydatatask_core.testing import BlobTests, MetadataContract
from pydatatask_core.testing.unfinished_writer_tests import UnfinishedWriterTests
from pydatatask_storage import YamlMetadataFileRepository


class TestYamlMetadataFileRepository(FileSideDoor, MetadataContract[YamlMetadataFileRepository]):
    @override
    async def make_repository(self) -> YamlMetadataFileRepository:
        repository = YamlMetadataFileRepository(tempfile.mkdtemp(dir=self.tmp_path))
        await repository.validate()
        return repository


class TestYamlMetadataFileRepositoryAsBlobs(
    FileSideDoor, BlobTests[YamlMetadataFileRepository], UnfinishedWriterTests[YamlMetadataFileRepository]
):
    @override
    async def make_repository(self) -> YamlMetadataFileRepository:
        repository = YamlMetadataFileRepository(tempfile.mkdtemp(dir=self.tmp_path))
        await repository.validate()
        return repository
