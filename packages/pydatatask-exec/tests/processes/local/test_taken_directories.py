from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.local import job_directory
from pydatatask_exec.processes.local.taken_directories import TakenDirectories

PID = "1:1.00:0f1c2a7e-1c1e-4e6c-8a3e-0123456789ab+1+host-000000"


def ended(root: Path, job: str = "job") -> Path:
    """The directory of a job that has ended with status 0."""
    path = root / job
    path.mkdir()
    (path / "pid").write_text(f"{PID}\n")
    (path / "return_code").write_text("0\n")
    return path


@pytest.mark.requirement("proc.one-recorder")
def test_only_one_takes_a_job_that_has_ended(tmp_path: Path) -> None:
    ended(tmp_path)
    first, second = TakenDirectories(tmp_path), TakenDirectories(tmp_path)
    status = first.take("job", None, ())
    assert status is not None
    assert (status.state, status.return_code) == (JobState.FINISHED, 0)
    assert second.take("job", None, ()) is None
    assert ("job" in first, "job" in second) == (True, False)
    second.give_back(["job"])
    assert second.take("job", None, ()) is None
    first.give_back(["job"])
    assert second.take("job", None, ()) is not None
    assert ("job" in first, "job" in second) == (False, True)
    second.close()
    assert "job" not in second


def test_a_job_that_runs_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "pid").write_text("")
    taken = TakenDirectories(tmp_path)
    status = taken.take("job", None, ())
    assert status is not None
    assert status.state is JobState.STARTING
    assert "job" not in taken


def test_a_job_without_a_directory_is_not_taken(tmp_path: Path) -> None:
    taken = TakenDirectories(tmp_path)
    status = taken.take("job", None, ())
    assert status is not None
    assert status.state is JobState.MISSING
    assert "job" not in taken


@pytest.mark.requirement("proc.one-recorder")
@pytest.mark.parametrize("comes_again", [False, True])
def test_a_directory_that_is_retired_meanwhile_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes_again: bool
) -> None:
    root, retired = tmp_path / "jobs", tmp_path / "retired"
    root.mkdir()
    retired.mkdir()
    ended(root)
    read_status = job_directory.read_status

    def overtaken(root: Path, job: str, pid: str | None, outputs: Collection[str]) -> JobStatus:
        status = read_status(root, job, pid, outputs)
        job_directory.retire(root, retired, ["job"])
        if comes_again:
            ended(root)
        return status

    monkeypatch.setattr(job_directory, "read_status", overtaken)
    taken = TakenDirectories(root)
    assert taken.take("job", None, ()) is None
    assert "job" not in taken


def test_where_there_are_no_locks_nothing_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    ended(tmp_path)
    monkeypatch.setattr(fcntl, "flock", refused)
    taken = TakenDirectories(tmp_path)
    status = taken.take("job", None, ())
    assert status is not None
    assert status.state is JobState.FINISHED
    assert "job" not in taken


@pytest.mark.requirement("proc.one-recorder")
def test_what_a_dead_process_had_taken_can_be_taken(tmp_path: Path) -> None:
    path = ended(tmp_path)
    code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), fcntl.LOCK_EX); print(); sys.stdin.read()"
    taken = TakenDirectories(tmp_path)
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert taken.take("job", None, ()) is None
        other.kill()
    assert taken.take("job", None, ()) is not None
    taken.close()
