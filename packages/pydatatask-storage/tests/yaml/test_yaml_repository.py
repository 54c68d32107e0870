from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from typing_extensions import override

from pydatatask_core import BlobRepository, MetadataRepository
from pydatatask_core.errors import BrokenRecordError, JobNotFoundError
from pydatatask_storage import (
    FileRepository,
    InProcessBlobRepository,
    YamlMetadataFileRepository,
    YamlMetadataRepository,
)
from pydatatask_storage.yaml import repository as yaml_repository


class YamlInMemory(YamlMetadataRepository, InProcessBlobRepository):
    """What a user makes of the base class."""


@pytest.mark.requirement("yaml.over-blob")
async def test_any_blob_repository_can_hold_the_text() -> None:
    repository = YamlInMemory()
    assert isinstance(repository, MetadataRepository)
    assert isinstance(repository, BlobRepository)
    await repository.dump("first", {"a": [1, 2]})
    assert repository.data == {"first": b"a:\n- 1\n- 2\n"}
    repository.data["second"] = b"b: null"
    assert await repository.info("second") == {"b": None}
    assert await repository.info_all() == {"first": {"a": [1, 2]}, "second": {"b": None}}
    async with await repository.open("first") as stream:
        assert await stream.read() == "a:\n- 1\n- 2\n"


@pytest.mark.requirement("yaml-file.extension")
async def test_records_are_files_with_the_extension_yaml_by_default(tmp_path: Path) -> None:
    await YamlMetadataFileRepository(tmp_path).dump("first", 1)
    await YamlMetadataFileRepository(tmp_path, ".yml").dump("second", 2)
    await YamlMetadataFileRepository(filename=tmp_path, extension="", fsync=True).dump("third", 3)
    assert {path.name: yaml.safe_load(path.read_text()) for path in tmp_path.iterdir()} == {
        "first.yaml": 1,
        "second.yml": 2,
        "third": 3,
    }
    assert isinstance(YamlMetadataFileRepository(tmp_path), FileRepository)


@pytest.mark.requirement("yaml.info-absent-file")
async def test_info_of_an_absent_job_is_a_file_not_found_error(tmp_path: Path) -> None:
    repository = YamlMetadataFileRepository(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"'absent'.*{tmp_path}"):
        await repository.info("absent")


@pytest.mark.requirement("yaml.broken")
async def test_a_broken_record_is_an_error_that_names_the_job_and_the_file(tmp_path: Path) -> None:
    repository = YamlMetadataFileRepository(tmp_path)
    (tmp_path / "bad.yaml").write_text("a: [1")
    (tmp_path / "good.yaml").write_text("a: 1")
    for ask in (lambda: repository.info("bad"), repository.info_all):
        with pytest.raises(BrokenRecordError, match=rf"'bad' of \S* {tmp_path}/\*\.yaml is no valid YAML"):
            await ask()
    assert await repository.info("good") == {"a": 1}


async def test_a_job_that_disappears_after_the_listing_is_left_out() -> None:
    class Disappearing(YamlInMemory):
        @override
        async def info(self, job: str) -> Any:
            if job == "gone":
                raise JobNotFoundError(job, "here")
            return await super().info(job)

    repository = Disappearing({"first": b"1", "gone": b"2"})
    assert await repository.info_all() == {"first": 1}


async def test_many_records_are_loaded() -> None:
    repository = YamlInMemory({f"job{number}": str(number).encode() for number in range(500)})
    assert await repository.info_all() == {f"job{number}": number for number in range(500)}


@pytest.mark.requirement("file.unblocked-loop")
@pytest.mark.parametrize(
    ("record", "small"), [({"a": 1, "b": "text"}, True), ([], False), ({"a": ["x" * 10] * 5_000}, False)]
)
async def test_large_records_are_turned_into_text_and_back_in_a_thread(
    monkeypatch: pytest.MonkeyPatch, record: Any, small: bool
) -> None:
    threads: list[threading.Thread] = []
    for name in ("dump_record", "load_record"):
        original = getattr(yaml_repository, name)

        def noting(*args: Any, original: Any = original) -> Any:
            threads.append(threading.current_thread())
            return original(*args)

        monkeypatch.setattr(yaml_repository, name, noting)
    repository = YamlInMemory()
    await repository.dump("first", record)
    assert (threads == [threading.main_thread()]) is small
    threads.clear()
    assert await repository.info("first") == record
    assert (threads == [threading.main_thread()]) is (len(repository.data["first"]) < 10_000)


async def test_text_that_was_written_as_a_blob_is_read_as_a_record(tmp_path: Path) -> None:
    repository = YamlMetadataFileRepository(tmp_path)
    async with await repository.open("first", "w") as stream:
        await stream.write("{written: by hand}")
    assert await repository.info("first") == {"written": "by hand"}
