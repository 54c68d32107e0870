from __future__ import annotations

from pathlib import Path

import pytest

from pydatatask_core.errors import DefinitionError
from pydatatask_storage import outcome_files


@pytest.mark.requirement("outcome.files")
async def test_successes_and_failures_are_in_two_directories(tmp_path: Path) -> None:
    done, failures = outcome_files(tmp_path / "state" / "count")
    for repository in (done, failures):
        await repository.validate()
    await done.dump("a", {"result": "success"})
    await failures.dump("b", {"kind": "exit"})
    assert (tmp_path / "state" / "count.done" / "a.yaml").exists()
    assert (tmp_path / "state" / "count.failures" / "b.yaml").exists()
    assert await failures.info("b") == {"kind": "exit"}


@pytest.mark.requirement("outcome.files")
async def test_no_id_of_a_job_is_a_key_of_the_other_directory(tmp_path: Path) -> None:
    done, failures = outcome_files(f"{tmp_path}/count/")
    for repository in (done, failures):
        await repository.validate()
    for job in ("a", "failures", "done", "count"):
        await done.dump(job, {})
    assert await done.keys() == {"a", "failures", "done", "count"}
    assert await failures.keys() == set()
    assert done.basedir == tmp_path / "count.done"


def test_fsync_is_passed_on(tmp_path: Path) -> None:
    assert [repository.fsync for repository in outcome_files(tmp_path / "a", fsync=True)] == [True, True]
    assert [repository.fsync for repository in outcome_files(tmp_path / "a")] == [False, False]


@pytest.mark.requirement("outcome.files")
@pytest.mark.parametrize("path", ["", ".", "..", "/", "a/.."])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(DefinitionError, match="write a path that ends with a name"):
        outcome_files(path)
