"""Ctrl-C on the terminal of a pipeline with a pool of processes: the terminal sends it to the workers as well."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from integration import interrupted_pipeline

PATIENCE_SECONDS = 60
POOLS = [("fork", "new"), ("spawn", "new"), ("forkserver", "new"), ("fork", "used")]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.01)


def followers_of(leader: int) -> list[int]:
    """Give the processes of a session that have not ended, apart from the one that leads it."""
    found: list[int] = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, session, *_ = (directory / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(session) == leader != int(directory.name) and state != "Z":
            found.append(int(directory.name))
    return found


SHELL = """
trap : INT
"$@" >log 2>&1
echo $? >status
read -r _
"""
"""Leads the session, as a shell does: if the program did, the system would tell its workers to hang up."""


class Scene:
    """The program, with two jobs."""

    def __init__(self, directory: Path, pool: tuple[str, str]) -> None:
        self.directory = directory
        for name in ("jobs", "begun", "done"):
            (directory / name).mkdir()
        for job in ("a", "b"):
            (directory / "jobs" / job).touch()
        self.master, slave = pty.openpty()
        self.shell = subprocess.Popen(
            ["/bin/sh", "-c", SHELL, "sh", sys.executable, interrupted_pipeline.__file__, *pool, "run"],
            stdin=slave,
            cwd=directory,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def press_ctrl_c(self) -> None:
        os.write(self.master, b"\x03")

    def status(self) -> int:
        """Wait for the program to end, and all that it has started; give its status."""
        until(lambda: not followers_of(self.shell.pid))
        status = self.directory / "status"
        until(lambda: status.exists() and status.read_text().endswith("\n"))
        return int(status.read_text())

    def end(self) -> None:
        for pid in [*followers_of(self.shell.pid), self.shell.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.shell.wait()
        os.close(self.master)


@contextmanager
def interrupted(directory: Path, pool: tuple[str, str]) -> Iterator[Scene]:
    """Run the program, and press Ctrl-C when both jobs are running."""
    scene = Scene(directory, pool)
    try:
        until(lambda: len(list((directory / "begun").iterdir())) == 2)
        scene.press_ctrl_c()
        until(lambda: "waiting for 2 jobs" in (directory / "log").read_text())
        yield scene
    finally:
        scene.end()


@pytest.mark.requirement("run.cancel-executor", "run.exit-status-signals")
@pytest.mark.parametrize("pool", POOLS, ids=" ".join)
def test_the_first_one_leaves_functions_alone(tmp_path: Path, pool: tuple[str, str]) -> None:
    with interrupted(tmp_path, pool) as scene:
        (tmp_path / "go").touch()
        assert scene.status() == 130
        log = (tmp_path / "log").read_text()
        for job in ("a", "b"):
            assert "result: success" in (tmp_path / "done" / f"{job}.yaml").read_text(), log
        assert "Traceback" not in log


@pytest.mark.requirement("run.second-ctrl-c", "run.exit-status-signals")
@pytest.mark.parametrize("pool", POOLS, ids=" ".join)
def test_the_second_one_ends_all_at_once(tmp_path: Path, pool: tuple[str, str]) -> None:
    with interrupted(tmp_path, pool) as scene:
        scene.press_ctrl_c()
        assert scene.status() == 130
        assert not list((tmp_path / "done").iterdir())
