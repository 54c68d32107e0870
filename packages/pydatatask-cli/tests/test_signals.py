"""Ctrl-C and SIGTERM, sent to a script that runs a pipeline."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_pipelines import environment, write_script

from pydatatask_cli.signals import Interruption, Stage

CHATTY = """
    session = Session()

    @session.resource
    async def store():
        print("opened", flush=True)
        try:
            yield "store"
        finally:
            print("closed", flush=True)
"""

COROUTINES = (
    CHATTY
    + """
    class Done(InProcessMetadataRepository):
        async def dump(self, job, data):
            print("recorded", job, data["result"], flush=True)
            await super().dump(job, data)

    async def body(job):
        if job == "quick":
            return
        print("started", flush=True)
        await asyncio.sleep(3600)

    task = Step("t", Done(), body)
    task.link("input", InProcessMetadataRepository({"quick": 1, "slow": 2, "x1": 3}), is_input=True)
    pipeline = Pipeline([task], session, concurrency=2)
"""
)

STUBBORN = (
    CHATTY
    + """
    class Threaded(Step):
        async def launch(self, job):
            future = asyncio.get_running_loop().run_in_executor(None, self.work)
            while not future.done():
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError:
                    print("cancelled", flush=True)
            print("over", flush=True)
            raise asyncio.CancelledError

        def work(self):
            print("started", flush=True)
            while not os.path.exists("finish"):
                time.sleep(0.01)

    import os
    task = Threaded("t", InProcessMetadataRepository(), None)
    task.link("input", InProcessMetadataRepository({"a": 1}), is_input=True)
    pipeline = Pipeline([task], session)
"""
)

BLOCKING = (
    CHATTY
    + """
    async def body(job):
        print("started", flush=True)
        while True:
            time.sleep(0.1)

    task = Step("t", InProcessMetadataRepository(), body)
    task.link("input", InProcessMetadataRepository({"a": 1}), is_input=True)
    pipeline = Pipeline([task], session)
"""
)

FORKING = (
    CHATTY
    + """
    import os
    import signal

    async def body(job):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, b"ready, as Python forgets a signal that came before")
                time.sleep(10)
            except KeyboardInterrupt:
                os._exit(3)
            os._exit(4)
        await asyncio.to_thread(os.read, reader, 1)
        os.kill(child, signal.Signals[job])
        print(job, (await asyncio.to_thread(os.waitpid, child, 0))[1], flush=True)

    task = Step("t", InProcessMetadataRepository(), body)
    task.link("input", InProcessMetadataRepository({"SIGINT": 1, "SIGTERM": 2}), is_input=True)
    pipeline = Pipeline([task], session)
"""
)


@contextmanager
def running(script: Path, *arguments: str) -> Generator[subprocess.Popen[str], None, None]:
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        cwd=script.parent,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def read_until(process: subprocess.Popen[str], line: str) -> list[str]:
    """Read lines up to a certain one."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != line:
        text = process.stdout.readline()
        assert text, f"{line!r} has not come, but {lines}"
        lines.append(text.strip())
    return lines


def rest_of(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return [line.strip() for line in process.stdout]


BOTH = pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


@pytest.mark.requirement("run.cancel-stops-launching", "run.cancel-coroutines", "run.exit-status-signals")
@BOTH
def test_the_first_signal_cancels_coroutines_and_closes_the_session(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with running(write_script(tmp_path, COROUTINES), "run") as process:
        seen = read_until(process, "started") + read_until(process, "started")
        assert "recorded quick success" in seen
        began = time.monotonic()
        process.send_signal(number)
        assert rest_of(process) == ["closed"]
        assert process.wait(20) == status
        assert time.monotonic() - began < 20


@pytest.mark.requirement("run.second-ctrl-c", "run.exit-status-signals")
@BOTH
def test_the_first_signal_waits_for_threads_and_the_second_does_not(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with running(write_script(tmp_path, STUBBORN), "run") as process:
        read_until(process, "started")
        process.send_signal(number)
        read_until(process, "cancelled")
        process.send_signal(number)
        assert rest_of(process) == []
        assert process.wait(20) == status


@pytest.mark.requirement("run.cancel-stops-launching", "run.exit-status-signals")
def test_what_is_waited_for_ends_and_the_session_is_closed(tmp_path: Path) -> None:
    with running(write_script(tmp_path, STUBBORN), "run") as process:
        read_until(process, "started")
        process.send_signal(signal.SIGINT)
        read_until(process, "cancelled")
        (tmp_path / "finish").touch()
        assert rest_of(process) == ["over", "closed"]
        assert process.wait(20) == 130


@pytest.mark.requirement("run.second-ctrl-c")
def test_the_second_signal_ends_even_a_blocked_event_loop(tmp_path: Path) -> None:
    with running(write_script(tmp_path, BLOCKING), "run") as process:
        read_until(process, "started")
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)  # so that the two are not taken for one
        process.send_signal(signal.SIGINT)
        assert rest_of(process) == []
        assert process.wait(20) == 130


@pytest.mark.requirement("run.exit-status-signals")
def test_every_command_can_be_interrupted(tmp_path: Path) -> None:
    with running(
        write_script(tmp_path, CHATTY + '    pipeline = library("a", session=session).pipeline\n'),
        "inject",
        "count.books",
        "b",
    ) as process:
        read_until(process, "opened")
        assert process.stdin is not None
        process.stdin.write("half of a te")
        process.stdin.flush()
        time.sleep(0.3)  # whether it is already waiting for more makes no difference to what has to come
        process.send_signal(signal.SIGINT)
        assert rest_of(process) == ["closed"]
        assert process.wait(20) == 130


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    body = COROUTINES.replace("await asyncio.sleep(3600)", "await asyncio.sleep(1)")
    script = write_script(tmp_path, "    import signal\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + body)
    with running(script, "run") as process:
        read_until(process, "started")
        process.send_signal(signal.SIGINT)
        assert "recorded slow success" in rest_of(process)
        assert process.wait(20) == 0


@pytest.mark.requirement("run.cancel-stops-launching")
def test_a_failure_while_being_interrupted_is_logged_and_changes_nothing(tmp_path: Path) -> None:
    body = COROUTINES.replace('print("closed", flush=True)', 'raise RuntimeError("cannot close")')
    with running(write_script(tmp_path, body), "run") as process:
        read_until(process, "started")
        process.send_signal(signal.SIGINT)
        assert any("cannot close" in line for line in rest_of(process))
        assert process.wait(20) == 130


def test_a_forked_child_takes_signals_as_if_nothing_were_guarded(tmp_path: Path) -> None:
    with running(write_script(tmp_path, FORKING), "run") as process:
        lines = rest_of(process)
        assert {f"SIGINT {3 << 8}", f"SIGTERM {signal.SIGTERM:d}"} <= set(lines), lines
        assert process.wait(20) == 0


@pytest.mark.requirement("cli.drain")
async def test_each_signal_goes_a_stage_ahead_and_draining_is_left_out_where_it_is_over() -> None:
    stages: list[Stage] = []
    with Interruption() as interruption:

        async def drained() -> int:
            begun = asyncio.Event()

            def begin() -> None:
                stages.append(interruption.stage)
                begun.set()

            with interruption.draining(begin, 600):
                signal.raise_signal(signal.SIGTERM)
                await begun.wait()
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
            return 0

        with pytest.raises(asyncio.CancelledError):
            await interruption.guard(drained)
        assert (stages, interruption.stage, interruption.received) == (
            [Stage.DRAINING],
            Stage.CANCELLED,
            signal.SIGTERM,
        )


@pytest.mark.requirement("cli.drain")
async def test_a_signal_after_the_block_cancels_at_once() -> None:
    with Interruption() as interruption:

        async def over() -> int:
            with interruption.draining(lambda: None, 600):
                pass
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
            return 0

        with pytest.raises(asyncio.CancelledError):
            await interruption.guard(over)
        assert interruption.stage is Stage.CANCELLED


@pytest.mark.requirement("cli.drain")
async def test_a_block_that_ends_between_the_signal_and_the_loop_cancels() -> None:
    with Interruption() as interruption:

        async def ends() -> int:
            with interruption.draining(lambda: None, 600):
                signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
            return 0

        with pytest.raises(asyncio.CancelledError):
            await interruption.guard(ends)
