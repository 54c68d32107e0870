"""A process is run alike by the shell script of a launch, as on other machines, and by a supervisor of this one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from process_doubles import Runner, by_script, by_supervisor, process_exists, until

from pydatatask_exec.processes.launch_script import Launch


@pytest.fixture(params=[by_script, by_supervisor])
def run(request: pytest.FixtureRequest) -> Runner:
    runner: Runner = request.param
    return runner


_OF_THE_C_LIBRARY = 0b11 << 31
"""Two signals that no program uses, and that glibc ignores in what it spawns."""


def launch(directory: Path, *args: str, **environ: str) -> Launch:
    (directory / "cwd").mkdir()
    place = str(directory)
    return Launch(args, f"{place}/cwd", f"{place}/return_code", environ, None, f"{place}/stdout", f"{place}/stderr")


def return_code(directory: Path) -> int:
    line, newline, _ = (directory / "return_code").read_text().partition("\n")
    assert newline
    return int(line)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0),
        ("exit 255", 255),
        ("kill -KILL $$", 128 + signal.SIGKILL),
        ("kill -TERM $$", 128 + signal.SIGTERM),
        ("kill -INT $$", 128 + signal.SIGINT),
        ("kill -PIPE $$", 128 + signal.SIGPIPE),
        ("kill -XFSZ $$", 128 + signal.SIGXFSZ),
    ],
)
async def test_the_exit_status_is_that_of_a_shell(run: Runner, tmp_path: Path, script: str, code: int) -> None:
    await run(launch(tmp_path, "/bin/sh", "-c", script))
    assert return_code(tmp_path) == code


@pytest.mark.parametrize(("content", "code"), [(None, 127), ("#!/no/such/interpreter\n", 127), ("#!/etc\n", 126)])
async def test_what_cannot_be_executed_is_reported_in_its_output(
    run: Runner, tmp_path: Path, content: str | None, code: int
) -> None:
    if content is not None:
        (tmp_path / "exe").write_text(content)
        (tmp_path / "exe").chmod(0o755)
    await run(launch(tmp_path, f"{tmp_path}/exe"))
    assert return_code(tmp_path) == code
    assert f"{tmp_path}/exe: " in (tmp_path / "stderr").read_text()


async def test_what_may_not_be_executed_is_reported_in_its_output(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "exe").write_text("#!/bin/sh\n")
    await run(launch(tmp_path, f"{tmp_path}/exe"))
    assert return_code(tmp_path) == 126
    assert "ermission denied" in (tmp_path / "stderr").read_text()


async def test_a_script_without_a_shebang_is_for_the_shell(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "exe").write_text("echo out\n")
    (tmp_path / "exe").chmod(0o755)
    await run(launch(tmp_path, f"{tmp_path}/exe"))
    assert (return_code(tmp_path), (tmp_path / "stdout").read_text()) == (0, "out\n")


async def test_a_command_without_a_path_is_looked_up(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\necho mine\n")
    (tmp_path / "tool").chmod(0o755)
    await run(launch(tmp_path, "tool", PATH=f"/no/such/place:{tmp_path}:/bin"))
    assert (return_code(tmp_path), (tmp_path / "stdout").read_text()) == (0, "mine\n")


async def test_a_command_that_does_not_exist_is_reported(run: Runner, tmp_path: Path) -> None:
    await run(launch(tmp_path, "no-such-command"))
    assert return_code(tmp_path) == 127
    assert "no-such-command: " in (tmp_path / "stderr").read_text()


async def test_streams_directory_and_environment(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "stdin").write_bytes(b"\xff input\n")
    base = launch(tmp_path, "/bin/sh", "-c", "cat; pwd; echo $ADDED $INHERITED; echo err >&2", ADDED="a b")
    await run(
        Launch(base.args, base.cwd, base.return_code, base.environ, f"{tmp_path}/stdin", base.stdout, base.stderr)
    )
    assert (tmp_path / "stdout").read_bytes() == b"\xff input\n" + f"{tmp_path}/cwd\na b yes\n".encode()
    assert (tmp_path / "stderr").read_text() == "err\n"


async def test_both_outputs_can_go_to_one_file_in_order(run: Runner, tmp_path: Path) -> None:
    base = launch(tmp_path, "/bin/sh", "-c", "echo 1; echo 2 >&2; echo 3")
    await run(Launch(base.args, base.cwd, base.return_code, {}, None, base.stdout, base.stdout))
    assert (tmp_path / "stdout").read_text() == "1\n2\n3\n"


async def test_without_files_all_streams_are_null(run: Runner, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    code = "import os; found = [os.readlink('/proc/self/fd/' + fd) for fd in sorted(os.listdir('/proc/self/fd'))[:-1]]"
    base = launch(tmp_path, sys.executable, "-I", "-S", "-c", f"{code}; open('{seen}', 'w').write(repr(found))")
    await run(Launch(base.args, base.cwd, base.return_code, {}))
    assert return_code(tmp_path) == 0
    assert seen.read_text() == repr(["/dev/null"] * 3)


async def test_a_session_of_its_own(run: Runner, tmp_path: Path) -> None:
    await run(launch(tmp_path, "/bin/sh", "-c", "cut -d' ' -f5,6 /proc/$$/stat"))
    group, session = map(int, (tmp_path / "stdout").read_text().split())
    assert group == session != os.getsid(0)


async def test_what_is_left_in_the_process_group_gets_term(run: Runner, tmp_path: Path) -> None:
    await run(launch(tmp_path, "/bin/sh", "-c", "sleep 1000 & setsid sleep 1000 & echo $!; sleep 0.1; ls /proc/*/stat"))
    stays = int((tmp_path / "stdout").read_text().split()[0])
    try:
        await until(lambda: not _sleepers_of(tmp_path))
        assert process_exists(stays)
    finally:
        os.kill(stays, signal.SIGKILL)


def _sleepers_of(directory: Path) -> list[int]:
    """Who sleeps in the directory and is not the leader of a session."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*"):
        pid = int(path.name)
        try:
            if os.readlink(path / "cwd") == f"{directory}/cwd" and process_exists(pid) and os.getsid(pid) != pid:
                found.append(pid)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


async def test_variables_of_strange_names_arrive(tmp_path: Path) -> None:
    strange = {"a b": "$(exit 1)", "-i": "x", "--": "", "UID": "7", "é": "\n", "PWD": "/nowhere"}
    await by_supervisor(launch(tmp_path, "/usr/bin/env", "-0", **strange))
    found = set((tmp_path / "stdout").read_bytes().split(b"\0"))
    assert found >= {f"{name}={value}".encode() for name, value in strange.items()}


@pytest.fixture
def hangups() -> Iterator[None]:
    """Let SIGHUP do what it does by default: under `nohup` it is ignored, and whatever pytest starts inherits that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangups")
async def test_signals_that_python_ignores_are_not_ignored(run: Runner, tmp_path: Path) -> None:
    await run(launch(tmp_path, "/bin/sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status"))
    blocked, ignored = (int(line.split()[1], 16) for line in (tmp_path / "stdout").read_text().splitlines())
    assert blocked == 0
    assert ignored & ~_OF_THE_C_LIBRARY == 0
