"""Claims of other hosts, other PID namespaces and other directories: left alone, shown, and released by hand."""

from __future__ import annotations

import asyncio
import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from process_doubles import Bench, number_of, process_exists, until

from pydatatask_exec.processes import identity
from pydatatask_exec.processes.identity import Locality, ProcessIdentity, boot_id, locality, own_scope
from pydatatask_exec.processes.records import claim_record, place_of, read_claim_record

SH = "#!/bin/sh\n"
HERE = "boot+1+host"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("boot+1+host", Locality.HERE),
        ("boot+1+host+0123abcd", Locality.HERE),  # as `pids` records it
        ("boot", Locality.HERE),  # as an old version wrote it
        ("earlier", Locality.EARLIER_BOOT),
        ("earlier+1+host", Locality.EARLIER_BOOT),
        ("earlier+2+host", Locality.EARLIER_BOOT),
        ("boot+2+host", Locality.FOREIGN),
        ("boot+1+other", Locality.FOREIGN),
        ("earlier+1+other", Locality.FOREIGN),
    ],
)
def test_where_a_process_belongs(scope: str, expected: Locality) -> None:
    assert locality(scope, HERE) is expected


def test_a_record_keeps_the_identity_and_the_place() -> None:
    pid, start = f"1:2.00:{own_scope()}", datetime.now(UTC)
    place = place_of(Path("/a"))
    assert place != place_of(Path("/b"))
    record = claim_record(pid, start, place)
    assert list(record) == ["pid", "start_time"]
    assert read_claim_record(record) == (pid, start, place)
    assert claim_record("any", start, place)["pid"] == "any"  # of a process manager of somebody else


FOREIGN = [f"{boot_id()}+1+container-", "another-boot+4026531836+another-host-012345"]


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest) -> str:
    """The identity of a process of another container or machine."""
    scope = request.param
    assert isinstance(scope, str)
    return f"1:999999.00:{scope}"


def claimed(bench: Bench, foreign: str, owner_only: bool = False) -> Path:
    """A job that a controller elsewhere has claimed in the same directory."""
    directory = bench.manager.basedir / "work" / "job"
    (directory / "cwd").mkdir(parents=True)
    for path in (directory.parent.parent.parent, directory.parent.parent, directory.parent):
        path.chmod(0o700)
    if owner_only:
        (directory / "owner").write_text(f"owner {foreign} 1-0123abcd\n")
    else:
        (directory / "pid").write_text(f"supervisor {foreign}\nowner {foreign} 1-0123abcd\n{foreign}\n")
        (directory / "return_code").write_text("    ")
    return directory


@pytest.mark.requirement("proc.foreign-claims")
@pytest.mark.parametrize("owner_only", [False, True])
async def test_a_foreign_claim_is_left_alone_and_shown(
    tmp_path: Path, foreign: str, owner_only: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path, SH + "echo ran")
    directory = claimed(bench, foreign, owner_only)
    for _ in range(2):
        with caplog.at_level(logging.WARNING):
            await bench.run()
        assert "claimed by another machine or container" in caplog.text
        async with bench.pipeline() as pipeline:
            await pipeline.update()
            await pipeline.update()
            notes = await bench.task.notes()
        assert list(notes) == ["job"]
        assert "rm TASK.pids JOB" in notes["job"]
    assert directory.exists()
    assert (bench.done.data, bench.stdout.data) == ({}, {})
    assert read_claim_record(bench.pids.data["job"]).pid == foreign  # or the job would look ready for ever


@pytest.mark.requirement("proc.foreign-claims")
async def test_a_foreign_record_without_a_directory_is_left_alone(tmp_path: Path, foreign: str) -> None:
    bench = Bench(tmp_path, SH + "echo ran")
    bench.pids.data["job"] = record = {"pid": foreign, "start_time": datetime.now(UTC)}
    await bench.run()
    assert (bench.pids.data, bench.done.data) == ({"job": record}, {})
    async with bench.pipeline():
        assert list(await bench.task.notes()) == ["job"]
        await bench.task.launch("job")
    assert (bench.pids.data, bench.done.data) == ({"job": record}, {})
    assert bench.leftovers == []


@pytest.mark.requirement("proc.foreign-claims")
async def test_a_foreign_claim_is_released_by_hand(tmp_path: Path, foreign: str) -> None:
    bench = Bench(tmp_path, SH + "echo ran")
    claimed(bench, foreign)
    bench.pids.data["job"] = {"pid": foreign, "start_time": datetime.now(UTC)}
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        await bench.task.forget("pids", "job")
        assert bench.pids.data == {}
        await pipeline.run(timeout=20)
    assert bench.done.data["job"]["return_code"] == 0
    assert (bench.pids.data, bench.leftovers) == ({}, [])


@pytest.mark.requirement("proc.foreign-claims")
async def test_a_foreign_job_whose_end_is_recorded_is_reaped(tmp_path: Path, foreign: str) -> None:
    bench = Bench(tmp_path, SH + "echo ran again")
    directory = claimed(bench, foreign)
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        assert len(await bench.task.notes()) == 1
        (directory / "stdout").write_text("ran there\n")
        (directory / "return_code").write_text("3\n")
        for _ in range(2):
            await asyncio.sleep(1.1)
            await pipeline.update_only_update()
    assert bench.done.data["job"]["return_code"] == 3
    assert bench.stdout.data == {"job": b"ran there\n"}
    assert (bench.pids.data, bench.leftovers) == ({}, [])


@pytest.mark.requirement("proc.foreign-claims")
async def test_what_is_staged_elsewhere_is_not_swept(tmp_path: Path, foreign: str) -> None:
    bench = Bench(tmp_path, SH + "echo ran")
    await bench.run()
    for place in (".work.staged", ".work.launching"):
        (bench.manager.basedir / place / f"job@{foreign}").mkdir()
    await bench.run()
    assert len(bench.leftovers) == 2


@pytest.mark.requirement("proc.foreign-claims")
async def test_a_job_in_another_directory_of_this_host_is_left_alone(tmp_path: Path) -> None:
    first = Bench(tmp_path / "first", SH + "exec sleep 1000")
    second = Bench(tmp_path / "second", SH + "echo twice")
    for name in ("inputs", "pids", "done", "stdout", "stderr"):
        getattr(second, name).data = getattr(first, name).data
    async with first.pipeline() as pipeline:
        await pipeline.update()
        identity = ProcessIdentity.parse(first.pids.data["job"]["pid"])
        assert identity is not None
        async with second.pipeline() as other:
            await other.update()
            await other.update()
            assert "another directory of this host" in (await second.task.notes())["job"]
        assert (list(first.pids.data), first.done.data) == (["job"], {})
        assert process_exists(identity.pid)
        await first.task.forget("pids", "job")


async def test_a_claim_says_who_has_made_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "sleep 1000")
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        lines = (bench.manager.basedir / "work" / "job" / "pid").read_text().splitlines()
        assert [line.partition(" ")[0] for line in lines[:2]] == ["supervisor", "owner"]
        assert own_scope() in lines[1]
        pid = number_of(lines[2])
        await bench.task.forget("pids", "job")
    await until(lambda: not process_exists(pid))


def test_what_a_machine_lacks_distinguishes_less(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identity._first_line("/nowhere") == ""


async def test_a_record_of_a_foreign_claim_goes_with_it(tmp_path: Path, foreign: str) -> None:
    bench = Bench(tmp_path, SH + "echo ran")
    directory = claimed(bench, foreign)
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        await asyncio.sleep(1.1)
        await pipeline.update_only_update()
        assert list(bench.pids.data) == ["job"]
        await asyncio.to_thread(shutil.rmtree, directory)  # as its controller has reaped it
        bench.inputs.data.clear()
        await asyncio.sleep(1.1)
        await pipeline.update_only_update()
        assert bench.pids.data == {}
