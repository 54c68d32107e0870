"""What a supervisor does to the directories of jobs, where something stands in its way."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pydatatask_exec.processes.local import job_directory
from pydatatask_exec.processes.local.supervisor.claims import Claimed, claim_job
from pydatatask_exec.processes.local.supervisor.protocol import Claim
from pydatatask_exec.processes.local.supervisor.records import Record

IDENTITY = b"1:0.01:another-boot"


@pytest.fixture
def claimed(tmp_path: Path) -> Claimed:
    """A job that has been claimed, by a supervisor that is no more."""
    (tmp_path / "staging").mkdir()
    (tmp_path / "tasks").mkdir()
    claim = Claim(bytes(tmp_path / "tasks" / "job"), bytes(tmp_path / "staging"), b"#!/bin/sh\n", None, b"")
    claimed = claim_job(claim, b"1-1", IDENTITY)
    assert claimed is not None
    return claimed


def state_of(tmp_path: Path) -> str:
    return job_directory.read_status(tmp_path / "tasks", "job", None, ()).state.value


def test_what_is_released_is_gone(tmp_path: Path, claimed: Claimed) -> None:
    claimed.release()
    os.close(claimed.record)
    assert state_of(tmp_path) == "missing"
    assert list((tmp_path / "staging").iterdir()) == []


def test_what_is_released_and_cannot_be_moved_away_is_no_job_that_is_about_to_begin(
    tmp_path: Path, claimed: Claimed
) -> None:
    shutil.rmtree(tmp_path / "staging")
    claimed.release()
    os.close(claimed.record)
    os.utime(tmp_path / "tasks" / "job" / "pid", (1, 1))
    assert state_of(tmp_path) == "abandoned"


def test_an_identity_that_cannot_be_written_is_no_reason_to_take_the_job_for_one_that_does_not_run(
    tmp_path: Path, claimed: Claimed
) -> None:
    marks = tmp_path / "tasks" / "job" / "pid"
    read_only = os.open(marks, os.O_RDONLY)
    claimed = Claimed(Claim(b"", b"", b"", None, b""), b"", claimed.record, read_only)
    claimed.complete(IDENTITY)
    os.close(claimed.record)
    assert marks.read_text().count("\n") == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read_only)


@pytest.mark.parametrize(("marks", "content"), [(IDENTITY, "3\n"), (b"2:0.01:another-boot", ""), (None, "3\n")])
def test_a_status_goes_into_no_directory_of_another_launch(tmp_path: Path, marks: bytes | None, content: str) -> None:
    path = tmp_path / "return_code"
    record = Record(os.open(path, os.O_WRONLY | os.O_CREAT), bytes(path), IDENTITY)
    path.unlink()
    path.touch()
    if marks is not None:
        (tmp_path / "pid").write_bytes(b"supervisor 1:0.01:another-boot\n" + marks + b"\n")
    record.write(b"3\n")
    record.close()
    assert path.read_text() == content


@pytest.mark.parametrize("replaced", [False, True])
def test_a_status_whose_directory_is_gone_is_for_nobody(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "job" / "return_code"
    path.parent.mkdir()
    record = Record(os.open(path, os.O_WRONLY | os.O_CREAT), bytes(path), IDENTITY)
    shutil.rmtree(path.parent)
    if replaced:
        path.parent.touch()
    record.write(b"3\n")
    record.close()
    assert path.parent.is_file() == replaced


def test_a_status_is_recorded_although_its_file_has_moved_unseen(tmp_path: Path) -> None:
    path = tmp_path / "return_code"
    record = Record(os.open(path, os.O_WRONLY | os.O_CREAT), bytes(tmp_path / ("x" * 300)), IDENTITY)
    record.write(b"3\n")
    record.close()
    assert path.read_text() == "3\n"
