"""Whatever others have put into `pids`, `done` or the directory of a manager, jobs that are ready run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from process_doubles import Bench

from pydatatask_exec.processes.identity import ProcessIdentity, boot_id
from pydatatask_exec.processes.records import read_claim_record
from pydatatask_exec.processes.ssh.shell_functions import PRELUDE
from pydatatask_exec.processes.ssh.shell_requests import inspect_code

NOBODY = "4194304"
"""Above all process ids. None that could be alive is made up here, as what `rm` forgets is killed."""
NUMBERS = st.integers(max_value=0) | st.integers(int(NOBODY), 10**40)
PIDS = st.one_of(
    st.sampled_from([f"{NOBODY}:1.00:{boot_id()}", f"{'9' * 30}:1.00:{boot_id()}", f"0:1.00:{boot_id()}", NOBODY, "0"]),
    st.sampled_from(
        ["", "-1", ":", "::", "1:x:", "x" * 5000, "9" * 5000, f"{'9' * 5000}:1.00:x", "\0", "\n", "²", "٣٣٣٣٣٣٣٣"]
    ),
    st.text(":.-x \n\0é²", max_size=12),
)
TIMES = st.one_of(
    st.datetimes(timezones=st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=14)))),
    st.sampled_from([datetime.min, datetime.max, date(2020, 1, 1), datetime.max.replace(tzinfo=UTC)]),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.sampled_from([0.5, float("nan"), float("-inf")]),
    PIDS,
    TIMES,
    st.binary(max_size=3),
    st.lists(PIDS, max_size=2),
)
RECORDS = VALUES | st.fixed_dictionaries(
    {}, optional={"pid": PIDS | VALUES, "start_time": TIMES | VALUES, "other": VALUES}
)


@pytest.mark.fuzz
@given(RECORDS)
def test_a_claim_is_read_as_far_as_it_is_one(record: object) -> None:
    pid, start, _ = read_claim_record(record)
    assert pid is None or ProcessIdentity.parse(pid) is None or pid.isprintable() or pid.strip() != pid
    assert start is None or start.tzinfo is not None


async def run_beside(records: Mapping[str, Any], done: Mapping[str, Any], directory: Path) -> None:
    bench = Bench(directory, "echo out")
    bench.pids.data |= records
    bench.done.data |= done
    async with bench.pipeline() as pipeline:
        for _ in range(2):
            await pipeline.update()
        for job in records:
            await bench.task.forget("pids", job)
        await pipeline.run(timeout=30)
    assert bench.done.data["job"]["return_code"] == 0
    assert bench.stdout.data["job"] == b"out\n"


@given(
    records=st.dictionaries(st.sampled_from(["a", "b"]), RECORDS, max_size=2),
    done=st.dictionaries(st.sampled_from(["a", "b"]), RECORDS, max_size=2),
)
@example(records={"a": {"pid": "9" * 5000}}, done={})
@example(records={"a": {"pid": f"{'9' * 5000}:1.00:{boot_id()}"}}, done={})
def test_claims_of_others_keep_no_job_from_running(records: dict[str, Any], done: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run_beside(records, done, Path(directory)))


FILES = ["pid", "return_code", "stdout", "stderr", "forgotten", "exe", "cwd", "stdin", "other"]
NAMES = ["left", "stray.txt", "no id", "\udcff", ".hidden", "a\nb", "é"]
TEXTS = st.sampled_from(["0\n", "-1\n", "9" * 3000 + "\n", "taken back\n", "x", "", "\0", "\n"]) | PIDS
"""What is in the files of a directory, which may be the identity of a process that is gone."""
ENTRIES = st.sampled_from(["directory", "fifo", "link", "dangling"]) | TEXTS.map(lambda text: f"text {text}")


def make(path: Path, kind: str, outside: Path) -> None:
    match kind.partition(" "):
        case ("directory", _, _):
            path.mkdir()
        case ("fifo", _, _):
            os.mkfifo(path)
        case ("link", _, _):
            path.symlink_to(outside)
        case ("dangling", _, _):
            path.symlink_to("nowhere")
        case (_, _, text):
            path.write_text(text + "\n", errors="surrogateescape")


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def run_among(left: Mapping[str, object], directory: Path) -> None:
    bench = Bench(directory, "echo out")
    work, outside = bench.manager.basedir / "work", directory / "outside"
    work.mkdir(parents=True)
    outside.mkdir()
    (outside / "pid").write_text("precious")
    for name, kind in left.items():
        if isinstance(kind, str):
            make(work / name, kind, outside)
            continue
        assert isinstance(kind, dict)
        (work / name).mkdir()
        for file, content in kind.items():
            make(work / name / file, content, outside)
    async with bench.pipeline() as pipeline:
        for _ in range(3):
            bench.task.wants_update()
            await pipeline.update()
        await pipeline.run(timeout=30)
    assert bench.done.data["job"]["return_code"] == 0
    assert bench.stdout.data["job"] == b"out\n"
    assert contents(outside) == {"pid": b"precious"}


@given(
    st.dictionaries(
        st.sampled_from(NAMES), ENTRIES | st.dictionaries(st.sampled_from(FILES), ENTRIES, max_size=4), max_size=3
    )
)
@example({"left": {"pid": "directory"}})
@example({"left": {"pid": f"text {'9' * 30}:1.00:{boot_id()}"}})
@example({"left": {"return_code": "fifo", "pid": "fifo"}})
@example({"left": {"return_code": "text 0", "stdout": "fifo"}})
@example({"left": {"return_code": "text 0", "stdout": "directory"}})
@example({"left": "link", "no id": {"pid": f"text {NOBODY}:1.00:{boot_id()}"}})
@example({"stray.txt": "text x", "\udcff": {}})
def test_what_lies_about_in_the_directory_of_a_manager_keeps_no_job_from_running(left: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run_among(left, Path(directory)))


@pytest.mark.parametrize("kind", ["directory", "fifo", "link", "dangling"])
def test_a_shell_on_a_target_waits_for_nothing_that_is_no_file(kind: str, tmp_path: Path) -> None:
    jobs = {"left": None, "other": "x"}
    for job in jobs:
        (tmp_path / job).mkdir()
        for file in ("pid", "return_code"):
            make(tmp_path / job / file, kind, tmp_path)
    code = f"{PRELUDE}\nticket=T\n{inspect_code(tmp_path, jobs)}"
    answer = subprocess.run(["/bin/sh", "-c", code], stdout=subprocess.PIPE, text=True, timeout=10, check=True)
    assert answer.stdout.splitlines() == ["T 1 0 0 0 - - -"] * 2
