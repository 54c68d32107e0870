from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_pipelines import environment, library, write_script

from pydatatask_cli import run
from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.exclusive import identity, running_alone
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_storage import FileRepository

BODY = """
    import os

    async def body(job):
        print("started", flush=True)
        if os.fork() == 0:  # a worker that outlives the pipeline
            time.sleep(3)
            os._exit(0)
        await asyncio.sleep(3600)

    task = Step("t", InProcessMetadataRepository(), body)
    task.link("input", InProcessMetadataRepository({"a": 1}), is_input=True)
    pipeline = Pipeline([task], Session())
"""

pytestmark = pytest.mark.requirement("cli.run-exclusive")


@contextmanager
def running(script: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script until it has begun its job."""
    process = subprocess.Popen(
        [sys.executable, str(script), "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_started(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"


def error_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write_script(tmp_path, BODY)


def test_a_second_controller_is_refused_and_kill_9_frees_the_lock(script: Path) -> None:
    with running(script, "--exclusive") as first:
        wait_until_started(first)
        with running(script, "--exclusive") as second:
            assert second.wait(30) == 1
            assert f"another controller of this pipeline runs on this machine (pid {first.pid})" in error_line(second)
        first.send_signal(signal.SIGKILL)
        first.wait()
        with running(script, "--exclusive") as third:
            wait_until_started(third)


def test_with_wait_it_starts_when_the_other_has_ended(script: Path) -> None:
    with running(script, "--exclusive") as first:
        wait_until_started(first)
        with running(script, "--exclusive", "--wait") as second:
            assert f"waiting until no other controller of this pipeline runs on this machine (pid {first.pid})" in (
                error_line(second)
            )
            first.send_signal(signal.SIGKILL)
            wait_until_started(second)


def test_without_the_option_nothing_is_locked(script: Path) -> None:
    with running(script, "--exclusive") as first:
        wait_until_started(first)
        with running(script) as second:
            wait_until_started(second)


async def test_the_lock_is_free_after_the_block(tmp_path: Path) -> None:
    pipeline = library("a").pipeline
    for _ in range(2):
        async with running_alone(pipeline, False, print, str(tmp_path)):
            with pytest.raises(CommandFailedError, match=f"pid {os.getpid()}"):
                async with running_alone(pipeline, False, print, str(tmp_path)):
                    """Not reached."""


async def test_waiting_can_be_cancelled_and_is_logged_once(tmp_path: Path) -> None:
    pipeline, told = library("a").pipeline, list[str]()

    async def enter() -> None:
        async with running_alone(pipeline, True, told.append, str(tmp_path)):
            """Not reached."""

    async with running_alone(pipeline, False, print, str(tmp_path)):
        waiting = asyncio.create_task(enter())
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert told == [f"pid {os.getpid()}"]


async def test_a_removed_file_does_not_let_in_two(tmp_path: Path) -> None:
    pipeline = library("a").pipeline
    async with running_alone(pipeline, False, print, str(tmp_path)):
        """Leave a file behind."""
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()
    async with running_alone(pipeline, False, print, str(tmp_path)):
        assert sum(path.is_file() for path in tmp_path.rglob("*")) == 1


async def test_a_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"pydatatask-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(CommandFailedError, match="belongs to another user"):
        async with running_alone(library("a").pipeline, False, print, str(tmp_path)):
            """Not reached."""


def test_script_and_stores_tell_pipelines_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(directory: str) -> Pipeline:
        lib = library("a")
        lib.count.link("files", FileRepository(directory))
        return Pipeline([lib.count], Session())

    monkeypatch.setattr("sys.argv", [str(tmp_path / "main.py")])
    here = identity(made("x"))
    assert identity(made("x")) == here
    assert identity(made("y")) != here
    monkeypatch.chdir(tmp_path)
    assert identity(made("x")) != here
    monkeypatch.setattr("sys.argv", ["./main.py"])
    assert identity(made("x")).startswith(str(tmp_path / "main.py"))


async def test_wait_alone_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(library("a").pipeline, False, False, None, wait=True) == 2
    assert "--wait needs --exclusive" in capsys.readouterr().err
