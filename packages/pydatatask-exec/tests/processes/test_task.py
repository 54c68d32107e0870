from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from exec_doubles import Records
from process_doubles import Bench, Blobs, BlobWriter, number_of, process_exists, supervisor_of, until
from typing_extensions import override

from pydatatask_core import ResourceManager, Resources, Session
from pydatatask_core.errors import ClosedSessionError, DefinitionError
from pydatatask_exec import STDOUT
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.task import ProcessTask

SH = "#!/bin/sh\n"


@pytest.mark.requirement("proc.done-record", "proc.outputs", "proc.directory-removed")
async def test_a_job_runs_and_its_outputs_and_completion_are_recorded(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    bench = Bench(tmp_path, SH + "echo out {{job}}; echo err >&2; exit 3")
    await bench.run()
    assert bench.stdout.data == {"job": b"out job\n"}
    assert bench.stderr.data == {"job": b"err\n"}
    record = bench.done.data["job"]
    assert list(record) == ["return_code", "start_time", "end_time"]
    assert record["return_code"] == 3
    assert before <= record["start_time"] <= record["end_time"] <= datetime.now(UTC)
    assert bench.pids.data == {}
    assert bench.leftovers == []


async def test_many_jobs_run_and_leave_nothing(tmp_path: Path) -> None:
    jobs = tuple(f"job{number}" for number in range(50))
    bench = Bench(tmp_path, SH + "echo {{job}}", jobs)
    await bench.run()
    assert bench.stdout.data == {job: f"{job}\n".encode() for job in jobs}
    assert {record["return_code"] for record in bench.done.data.values()} == {0}
    assert (bench.pids.data, bench.leftovers) == ({}, [])


@pytest.mark.requirement("proc.stdin")
@pytest.mark.parametrize("size", [0, 10, 65_536, 65_537, 3_000_000])
async def test_the_input_is_staged_on_the_target(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    stdin = Blobs({"job": content})
    bench = Bench(tmp_path, SH + "cat; ls -l ../stdin >&2", stdin=stdin)
    await bench.run()
    assert bench.stdout.data["job"] == content
    assert b"stdin" in bench.stderr.data["job"]
    assert bench.leftovers == []


async def test_a_large_output_is_stored_in_pieces(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "head -c 5000000 /dev/zero | tr '\\0' '\\377'")
    await bench.run()
    assert bench.stdout.data["job"] == b"\xff" * 5_000_000
    assert bench.stdout.largest_write <= 1 << 20


@pytest.mark.requirement("proc.stdout-interleaved", "proc.stderr-property")
async def test_both_streams_can_be_interleaved(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "echo 1; echo 2 >&2; echo 3", stderr=STDOUT)
    assert bench.task.stderr is bench.stdout
    assert "stderr" not in bench.task.links
    await bench.run()
    assert bench.stdout.data == {"job": b"1\n2\n3\n"}


@pytest.mark.requirement("proc.null-streams", "proc.stderr-property")
async def test_streams_without_a_repository_are_the_null_device(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "readlink /proc/$$/fd/0 /proc/$$/fd/2", stderr=None)
    assert bench.task.stderr is None
    await bench.run()
    assert bench.stdout.data == {"job": b"/dev/null\n/dev/null\n"}


@pytest.mark.requirement("proc.no-shebang")
async def test_a_script_without_a_shebang_is_run_by_sh(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "readlink /proc/$$/exe; echo $0")
    await bench.run()
    exe, zeroth = bench.stdout.data["job"].decode().split()
    assert exe == os.path.realpath("/bin/sh")
    assert zeroth == str(bench.manager.basedir / "work" / "job" / "exe")


async def test_a_script_with_a_shebang_is_run_by_its_interpreter(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "#!/usr/bin/env -S python3 -E\nimport sys; print(sys.flags.ignore_environment)")
    await bench.run()
    assert bench.stdout.data == {"job": b"1\n"}


@pytest.mark.requirement("proc.directory", "proc.directories-private", "proc.basedir")
async def test_the_directory_of_a_job(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, SH + 'pwd; cd ..; stat -c "%n %a" . * | sort; cat exe', stdin=Blobs({"job": b"in"}), stderr=STDOUT
    )
    assert bench.task.basedir == tmp_path / "targets" / "app" / "work"
    await bench.run()
    here, *rest = bench.stdout.data["job"].decode().splitlines()
    assert here == str(bench.task.basedir / "job" / "cwd")
    modes = dict(line.split() for line in rest if line[-3:].isdigit())
    assert {"exe", "cwd", "stdin", "stdout", "return_code"} <= modes.keys()
    assert (modes["."], modes["exe"]) == ("700", "755")
    assert rest[-1].startswith("pwd; cd ..")


@pytest.mark.requirement("proc.environ")
async def test_the_environment_is_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "of the pipeline")
    wanted = {
        "PLAIN": "1",
        "QUOTED": "a 'b' \"c\" $d `e` \\ \n é",
        "IFS": "0",
        "PPID": "7",
        "with.dot": "x",
        "INHERITED2": "",
        "t": "t",
    }
    script = f"#!{sys.executable} -I\nimport json, os\nprint(json.dumps(dict(os.environ)))"
    bench = Bench(tmp_path, script, environ=wanted)
    await bench.run()
    seen = json.loads(bench.stdout.data["job"])
    assert {name: seen.get(name) for name in wanted} == wanted
    assert seen["INHERITED"] == "of the pipeline"
    assert seen["PATH"] == os.environ["PATH"]
    assert bench.done.data["job"]["return_code"] == 0


async def test_an_environment_that_is_too_large_for_a_command_line_works(tmp_path: Path) -> None:
    environ = {f"LARGE{number}": "x" * 30_000 for number in range(10)}
    bench = Bench(tmp_path, SH + "printenv LARGE9 | wc -c", environ=environ)
    await bench.run()
    assert bench.stdout.data == {"job": b"30001\n"}


@pytest.mark.parametrize("environ", [{"": "x"}, {"a=b": "x"}, {"a": "x\0y"}])
def test_what_cannot_be_in_an_environment_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(DefinitionError, match="work"):
        Bench(tmp_path, SH, environ=environ)


@pytest.mark.requirement("proc.pids-record", "manager.pid-opaque")
async def test_a_live_job_is_recorded_in_pids(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "echo $$; until [ -e ../go ]; do sleep 0.02; done; exit 4")
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        record = bench.pids.data["job"]
        assert list(record) == ["pid", "start_time"]
        assert record["start_time"].tzinfo is not None
        pid, seen, boot = record["pid"].split(":")
        assert process_exists(int(pid))
        assert float(seen) <= float(Path("/proc/uptime").read_text().split()[0])
        assert boot.partition("+")[0] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        (bench.task.basedir / "job" / "go").write_text("go\n")
        await pipeline.run(timeout=20)
    assert bench.stdout.data["job"].decode().strip() == pid


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (SH + "kill -KILL $$", 128 + signal.SIGKILL),
        (SH + "kill -TERM $$", 128 + signal.SIGTERM),
        ("#!/no/such/interpreter\n", 127),
        ("#!/etc\n", 126),
        (SH + "exit 255", 255),
    ],
)
async def test_what_ends_badly_is_recorded_truthfully(tmp_path: Path, script: str, code: int) -> None:
    bench = Bench(tmp_path, script)
    await bench.run()
    assert bench.done.data["job"]["return_code"] == code
    assert bench.leftovers == []


async def test_children_that_a_job_leaves_behind_end_with_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "sleep 1000 & echo $!; exit 5")
    await bench.run()
    child = int(bench.stdout.data["job"])
    assert bench.done.data["job"]["return_code"] == 5
    await until(lambda: not process_exists(child))


async def test_a_job_that_removes_its_directory_is_recorded_without_outputs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "rm -rf ../../job; exit 1")
    await bench.run()
    record = bench.done.data["job"]
    assert record["return_code"] is None
    assert "directory is gone" in record["reason"]
    assert bench.pids.data == {}


@pytest.mark.requirement("proc.own-session")
async def test_a_job_has_a_session_of_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "cut -d' ' -f5,6 /proc/self/stat; echo $$")
    await bench.run()
    group, session, leader = bench.stdout.data["job"].decode().split()
    assert group == session == leader
    assert int(session) != os.getsid(0)


@pytest.mark.requirement("proc.vanished")
async def test_a_process_that_vanishes_is_recorded_as_failed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "echo begun; exec sleep 1000")
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        pid = number_of(bench.pids.data["job"]["pid"])
        stdout = bench.task.basedir / "job" / "stdout"
        await until(lambda: stdout.exists() and stdout.read_bytes())
        os.kill(supervisor_of(bench.task.basedir / "job"), signal.SIGKILL)
        await pipeline.run(timeout=20)
    record = bench.done.data["job"]
    assert list(record) == ["return_code", "start_time", "end_time", "reason"]
    assert record["return_code"] is None
    assert "no exit code" in record["reason"]
    assert bench.stdout.data == {"job": b"begun\n"}
    assert (bench.pids.data, bench.leftovers) == ({}, [])
    assert not process_exists(pid)


@pytest.mark.requirement("proc.rm-pids", "proc.kill-children", "proc.pids-users-own")
async def test_killing_a_job_records_nothing(tmp_path: Path) -> None:
    script = SH + "trap '' TERM\n(trap '' TERM; while :; do sleep 0.1; done) & echo $! $$; wait"
    bench = Bench(tmp_path, script)
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        stdout = bench.task.basedir / "job" / "stdout"
        await until(lambda: stdout.exists() and stdout.read_text().endswith("\n"))
        processes = [int(word) for word in stdout.read_text().split()]
        assert all(map(process_exists, processes))
        await bench.task.forget("pids", "job")
        await bench.pids.delete("job")
        assert not any(map(process_exists, processes))
        bench.inputs.data.clear()
        await pipeline.run(timeout=20)
    assert bench.done.data == {}
    assert bench.stdout.data == {}
    assert bench.leftovers == []


async def test_killing_on_another_link_or_a_job_that_is_not_live_does_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "sleep 1000")
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        pid = number_of(bench.pids.data["job"]["pid"])
        await bench.task.forget("done", "job")
        await bench.task.forget("pids", "other")
        assert process_exists(pid)
        await bench.task.forget("pids", "job")


@pytest.mark.requirement("proc.manager-resource")
def test_the_manager_of_a_closed_session_is_refused_by_name() -> None:
    session = Session()

    @session.resource
    async def procman() -> Any:
        yield LocalLinuxManager("app")

    quota = ResourceManager(Resources.parse(1, 1))
    task = ProcessTask("work", procman, quota, Resources.parse(1, 1), Records(), SH)
    with pytest.raises(ClosedSessionError, match="procman"):
        task.manager  # noqa: B018


@pytest.mark.requirement(
    "link.process-pids",
    "link.process-stdin",
    "link.process-stdout",
    "link.process-stderr",
    "link.process-done",
    "link.process-outputs-inhibit",
)
def test_links_without_and_with_done(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH, stdin=Blobs())
    flags = {
        name: {flag for flag, value in vars_of(link).items() if value is True}
        for name, link in bench.task.links.items()
    }
    assert flags["pids"] == {"is_status", "inhibits_start", "inhibits_output"}
    assert flags["stdin"] == {"is_input", "required_for_start"}
    assert flags["stdout"] == flags["stderr"] == {"is_output", "required_for_output"}
    assert flags["done"] == {"is_status", "inhibits_start", "required_for_output"}
    without = Bench(tmp_path, SH, done=None)
    assert without.task.links["stdout"].inhibits_start
    assert without.task.links["stderr"].inhibits_start


def vars_of(link: object) -> dict[str, object]:
    return {name: getattr(link, name) for name in type(link).__dataclass_fields__}  # type: ignore[attr-defined]


async def test_with_metadata_off_no_completion_is_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "echo x")
    async with bench.pipeline() as pipeline:
        pipeline.settings(metadata=False)
        await pipeline.run(timeout=20)
    assert bench.done.data == {}
    assert bench.stdout.data == {"job": b"x\n"}


async def test_a_synchronous_launch_returns_when_the_job_is_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SH + "sleep 0.2; echo x")
    async with bench.pipeline() as pipeline:
        pipeline.settings(synchronous=True)
        await bench.task.launch("job")
        assert bench.stdout.data == {"job": b"x\n"}
        assert bench.pids.data == {}


async def test_a_template_can_be_a_file_and_name_links(tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text(SH + "echo {{ inputs.colour }} {{ task }}\n")
    bench = Bench(tmp_path, str(script))
    bench.inputs.data["job"] = {"colour": "red"}
    await bench.run()
    assert bench.stdout.data == {"job": b"red work\n"}


def test_a_manager_in_place_of_what_gives_it_is_refused(tmp_path: Path) -> None:
    manager: Any = LocalLinuxManager("app", tmp_path)
    with pytest.raises(
        DefinitionError, match=r"task work: manager must be a callable .*`lambda: localhost`, not .*LocalLinux"
    ):
        ProcessTask("work", manager, ResourceManager(Resources.parse(1, 1)), Resources.parse(1, 1), Records(), "")


def test_what_gives_no_manager_is_refused_by_name() -> None:
    given: Any = lambda: "localhost"  # noqa: E731
    task = ProcessTask("work", given, ResourceManager(Resources.parse(1, 1)), Resources.parse(1, 1), Records(), "")
    with pytest.raises(DefinitionError, match=r"task work: manager\(\) gave .* type str, .*@session\.resource"):
        assert task.manager


@pytest.mark.parametrize(("status", "warnings"), [(0, 0), (3, 1)])
async def test_a_status_that_tells_of_a_failure_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, warnings: int
) -> None:
    await Bench(tmp_path, f"{SH}exit {status}").run()
    assert caplog.messages.count("task work, job job: its process ended with status 3") == warnings


class SlowBlobs(Blobs):
    """Blobs of which one takes until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    @override
    async def open_writer(self, job: str) -> BlobWriter:
        if job == "slow":
            await self.go_on.wait()
        return await super().open_writer(job)


async def test_a_slow_upload_holds_up_no_other_job_of_the_task(tmp_path: Path) -> None:
    stdout = SlowBlobs()
    bench = Bench(tmp_path, SH + "[ {{job}} = slow ] || sleep 0.5", ("slow", "other"), stdout=stdout)
    async with bench.pipeline() as pipeline:
        run = asyncio.create_task(pipeline.run(timeout=60))
        await until(lambda: "other" in bench.done.data)
        assert "slow" not in bench.done.data
        stdout.go_on.set()
        await run
    assert set(bench.done.data) == {"slow", "other"}
    assert (bench.pids.data, bench.leftovers) == ({}, [])


async def test_a_pipeline_that_is_closed_while_an_upload_is_slow_leaves_the_job_to_the_next(tmp_path: Path) -> None:
    stdout = SlowBlobs()
    bench = Bench(tmp_path, SH + "echo out", ("slow",), stdout=stdout)
    async with bench.pipeline() as pipeline:
        with pytest.raises(TimeoutError):
            await pipeline.run(timeout=1)
    assert bench.done.data == {}
    stdout.go_on.set()
    await bench.run()
    assert (stdout.data, bench.pids.data, bench.leftovers) == ({"slow": b"out\n"}, {}, [])
