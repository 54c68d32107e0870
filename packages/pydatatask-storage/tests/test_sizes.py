from __future__ import annotations

from pathlib import Path

import pytest

from pydatatask_core.errors import InvalidJobIdError, JobNotFoundError
from pydatatask_core.repositories.sizes import SizedRepository
from pydatatask_core.sessions.session import Session
from pydatatask_storage import (
    DirectoryRepository,
    FileRepository,
    InProcessBlobRepository,
    InProcessMetadataRepository,
    RelatedItemRepository,
    S3BucketRepository,
    YamlMetadataFileRepository,
)


@pytest.fixture(params=["files", "memory"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> FileRepository | InProcessBlobRepository:
    return FileRepository(tmp_path, ".bin") if request.param == "files" else InProcessBlobRepository()


@pytest.mark.parametrize("size", [0, 1, 300_000])
async def test_the_size_is_that_of_what_was_written(
    repository: FileRepository | InProcessBlobRepository, size: int
) -> None:
    async with await repository.open("job", "wb") as stream:
        await stream.write(b"x" * size)
    assert isinstance(repository, SizedRepository)
    assert await repository.size("job") == size


async def test_what_is_not_there_has_no_size(repository: FileRepository | InProcessBlobRepository) -> None:
    with pytest.raises(JobNotFoundError):
        await repository.size("job")


async def test_what_cannot_be_a_job_has_no_size(repository: FileRepository | InProcessBlobRepository) -> None:
    with pytest.raises(InvalidJobIdError):
        await repository.size("no/job")


async def test_the_size_of_a_file_is_found_under_another_spelling(tmp_path: Path) -> None:
    (tmp_path / "job.TXT").write_bytes(b"12345")
    assert await FileRepository(tmp_path, ".txt", case_insensitive=True).size("job") == 5


async def test_a_translated_view_has_the_sizes_of_its_base() -> None:
    translator = InProcessMetadataRepository({"order": "book"})
    view = RelatedItemRepository(InProcessBlobRepository({"book": b"1234"}), translator)
    assert isinstance(view, SizedRepository)
    assert await view.size("order") == 4


@pytest.mark.parametrize(
    ("repository_class", "sized"),
    [
        (FileRepository, True),
        (YamlMetadataFileRepository, True),
        (S3BucketRepository, True),
        (InProcessBlobRepository, True),
        (InProcessMetadataRepository, False),
        (DirectoryRepository, False),
        (Session, False),
    ],
)
def test_which_classes_tell_sizes(repository_class: type, sized: bool) -> None:
    assert issubclass(repository_class, SizedRepository) == sized
