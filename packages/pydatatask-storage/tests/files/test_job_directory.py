from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from typing_extensions import override

from pydatatask_core.repositories.access import Access
from pydatatask_storage import DirectoryRepository, FileRepository
from pydatatask_storage.files.entry_kinds import ANYTHING, DIRECTORIES, FILES, NON_EMPTY_DIRECTORIES, EntryKind
from pydatatask_storage.files.extension import Extension
from pydatatask_storage.files.job_directory import JobDirectory


def directory_of(path: Path, extension: str = ".txt", kind: EntryKind = FILES, any_case: bool = False) -> JobDirectory:
    return JobDirectory(path, Extension(extension, any_case), kind)


def shout(job: str) -> Path:
    return Path("/elsewhere") / job.upper()


def test_a_path_is_computed_without_looking() -> None:
    directory = directory_of(Path("/absent"))
    assert directory.exact_path("a") == directory.path_for("a") == "/absent/a.txt"
    assert directory.candidates("a") == ["/absent/a.txt"]
    assert directory_of(Path("/")).exact_path("a") == "/a.txt"


def test_the_rule_of_a_repository_replaces_directory_and_extension() -> None:
    directory = JobDirectory(Path("/absent"), Extension(".txt", case_insensitive=True), FILES, own_path=shout)
    assert directory.candidates("a") == ["/elsewhere/A"]
    assert directory.exact_path("a") == "/elsewhere/A"


def test_candidates_have_the_exact_spelling_first() -> None:
    candidates = directory_of(Path("/d"), ".Ab", any_case=True).candidates("j")
    assert candidates[0] == "/d/j.Ab"
    assert set(candidates) == {"/d/j.Ab", "/d/j.AB", "/d/j.ab", "/d/j.aB"}


def test_a_job_is_located_where_its_entry_lies(tmp_path: Path) -> None:
    (tmp_path / "a.TXT").touch()
    (tmp_path / "d.txt").mkdir()
    directory = directory_of(tmp_path, any_case=True)
    assert directory.locate("a") == directory.path_for("a") == f"{tmp_path}/a.TXT"
    assert directory.locate("b") is None
    assert directory.path_for("b") == f"{tmp_path}/b.txt"
    assert directory.locate_all({"a", "b", "d"}) == {"a"}
    assert directory.jobs() == ["a"]


@pytest.mark.parametrize(
    ("kind", "jobs"),
    [
        (ANYTHING, {"file", "empty", "full", "link"}),
        (FILES, {"file"}),
        (DIRECTORIES, {"empty", "full", "link"}),
        (NON_EMPTY_DIRECTORIES, {"full", "link"}),
    ],
)
def test_the_kind_decides_what_is_a_job(tmp_path: Path, kind: EntryKind, jobs: set[str]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "full/x").mkdir(parents=True)
    (tmp_path / "link").symlink_to("full")
    (tmp_path / "dangling").symlink_to("nowhere")
    directory = directory_of(tmp_path, "", kind)
    everything = set(os.listdir(tmp_path))
    assert set(directory.jobs()) == directory.locate_all(everything) == jobs
    assert directory.has_links


def test_an_absent_directory_is_an_error_unless_it_may_be_absent(tmp_path: Path) -> None:
    directory = directory_of(tmp_path / "absent")
    for look in (directory.jobs, lambda: directory.locate("a"), lambda: directory.locate_all({"a"})):
        with pytest.raises(FileNotFoundError):
            look()
    assert directory.prepare(Access.OBSERVE, with_listing=True) is None
    assert directory.jobs() == []
    assert directory.locate("a") is None
    assert not directory.path.exists()


def test_preparing_for_writes_lists_if_asked_and_sweeps(tmp_path: Path) -> None:
    directory = directory_of(tmp_path / "d")
    stale = directory.path / ".a.txt.0123456789abcdef.tmp"
    for with_listing in (True, False):
        directory.path.mkdir(exist_ok=True)
        (directory.path / "a.txt").touch()
        stale.touch()
        os.utime(stale, (0, 0))
        listing = directory.prepare(Access.WRITE, with_listing)
        assert (listing.jobs if listing else None) == (["a"] if with_listing else None)
        assert not stale.exists()
    assert directory.prepare(Access.READ, with_listing=True) is None


def test_a_pickled_repository_still_knows_its_directory(tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(DirectoryRepository(tmp_path, ".d", True, discard_empty=True)))
    assert (copy.basedir, copy.extension, copy.case_insensitive, copy.discard_empty) == (tmp_path, ".d", True, True)
    assert not pickle.loads(pickle.dumps(DirectoryRepository(tmp_path))).discard_empty


class Shouting(FileRepository):
    @override
    def fullpath(self, job: str) -> Path:
        return self.basedir / job.upper()


async def test_a_pickled_repository_keeps_its_own_rule_for_paths(tmp_path: Path) -> None:
    (tmp_path / "A").touch()
    copy = pickle.loads(pickle.dumps(Shouting(tmp_path)))
    assert await copy.contains("a")
    assert await copy.info("a") == f"{tmp_path}/A"
