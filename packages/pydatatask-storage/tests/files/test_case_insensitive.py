from __future__ import annotations

import os
from pathlib import Path

import pytest
from file_side_door import FileSideDoor
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_storage import DirectoryRepository, FileRepository, YamlMetadataFileRepository
from pydatatask_storage.files.extension import Extension
from pydatatask_storage.files.name_index import NameIndex

EXTENSIONS = [".txt", ".TXT", ".Spectrogram", ".grün"]


def repository_of(directory: Path, extension: str) -> FileRepository:
    return FileRepository(directory, extension, case_insensitive=True)


@pytest.mark.requirement("file.case-listing", "file.case-found")
@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_a_file_in_another_spelling_is_the_jobs(tmp_path: Path, extension: str) -> None:
    repository = repository_of(tmp_path, extension)
    other = tmp_path / f"first{extension.swapcase()}"
    other.write_text("value")
    assert await repository.keys() == {job async for job in repository} == {"first"}
    assert await repository.contains("first")
    assert await repository.contained({"first", "First"}) == {"first"}
    assert await repository.info("first") == str(other)
    assert await repository.info_all() == {"first": str(other)}
    async with await repository.open("first") as stream:
        assert await stream.read() == "value"
    await repository.delete("first")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_a_new_value_takes_the_place_of_the_old_one_whatever_its_spelling(tmp_path: Path, extension: str) -> None:
    repository = repository_of(tmp_path, extension)
    other = tmp_path / f"first{extension.swapcase()}"
    other.write_text("old")
    async with await repository.open("first", "w") as stream:
        await stream.write("new")
    assert list(tmp_path.iterdir()) == [other]
    assert other.read_text() == "new"


@pytest.mark.requirement("file.case-two-spellings", "file.fullpath-computes")
@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_of_two_spellings_the_exact_one_counts(tmp_path: Path, extension: str) -> None:
    repository = repository_of(tmp_path, extension)
    exact, other = tmp_path / f"first{extension}", tmp_path / f"first{extension.swapcase()}"
    exact.write_text("exact")
    other.write_text("other")
    assert [job async for job in repository] == ["first"]
    async with await repository.open("first") as stream:
        assert await stream.read() == "exact"
    async with await repository.open("first", "w") as writer:
        await writer.write("new")
    assert (exact.read_text(), other.read_text()) == ("new", "other")
    assert await repository.info("first") == str(exact)
    assert repository.fullpath("first") == exact
    assert repository.fullpath("absent") == tmp_path / f"absent{extension}"


@pytest.mark.requirement("file.case-delete-both")
@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_deleting_removes_both_spellings(tmp_path: Path, extension: str) -> None:
    repository = repository_of(tmp_path, extension)
    for spelling in (extension, extension.swapcase(), extension.upper()):
        (tmp_path / f"first{spelling}").touch()
    (tmp_path / f"FIRST{extension}").touch()
    await repository.delete("first")
    assert [path.name for path in tmp_path.iterdir()] == [f"FIRST{extension}"]


async def test_without_the_option_the_case_counts(tmp_path: Path) -> None:
    (tmp_path / "first.TXT").touch()
    repository = FileRepository(tmp_path, ".txt")
    assert await repository.keys() == set()
    assert not await repository.contains("first")


async def test_directories_and_records_follow_the_same_rule(tmp_path: Path) -> None:
    (tmp_path / "first.D").mkdir()
    (tmp_path / "first.YAML").write_text("a: 1")
    directories = DirectoryRepository(tmp_path, ".d", case_insensitive=True)
    records = YamlMetadataFileRepository(tmp_path, case_insensitive=True)
    await directories.mkdir("first")
    assert await directories.keys() == await records.keys() == {"first"}
    assert await records.info_all() == {"first": {"a": 1}}
    await directories.delete("first")
    assert [path.name for path in tmp_path.iterdir()] == ["first.YAML"]


async def test_an_absent_directory_has_no_spellings(tmp_path: Path) -> None:
    repository = repository_of(tmp_path / "absent", ".Spectrogram")
    await repository.delete("first")
    with pytest.raises(FileNotFoundError):
        await repository.open("first")


async def test_many_lookups_with_a_long_extension_list_the_directory_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first.JSONlines").touch()
    repository = repository_of(tmp_path, ".jsonlines")
    listdir, listed = os.listdir, []

    def counting(path: str) -> list[str]:
        listed.append(path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", counting)
    jobs = {"first", *(f"job{number}" for number in range(100))}
    assert await repository.contained(jobs) == {"first"}
    assert len(listed) == 1


async def test_single_lookups_with_a_long_extension_list_a_directory_that_does_not_change_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first.JSONlines").touch()
    repository = repository_of(tmp_path, ".jsonlines")
    await FileSideDoor().settle(repository)
    listdir, listed = os.listdir, []

    def counting(path: str) -> list[str]:
        listed.append(path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", counting)
    assert await repository.contains("first")
    assert not await repository.contains("second")
    assert len(listed) == 1
    (tmp_path / "second.JSONLines").touch()
    assert await repository.contains("second")
    (tmp_path / "first.JSONlines").unlink()
    assert not await repository.contains("first")


@given(
    text=st.text(st.sampled_from("abIK\u0130\u0131\u212ak\u00dfs.1-"), max_size=12),
    job=st.text(st.sampled_from("aA1."), min_size=1, max_size=3),
    data=st.data(),
)
def test_a_name_is_listed_for_a_job_exactly_if_it_is_looked_for(
    tmp_path_factory: pytest.TempPathFactory, text: str, job: str, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("names")
    extension = Extension(text, case_insensitive=True)
    cases = [data.draw(st.sampled_from([character, character.lower(), character.upper()])) for character in text]
    name = job + "".join(cases)
    (directory / f"{name}x").touch()
    (directory / f"x{name}").touch()
    (directory / name).touch()
    names = NameIndex(str(directory), extension).lookup()(job)
    assert (extension.job_of(name) == job) == (name in names)
    assert extension.job_of(job + text) == job
    assert names[0] == job + text
