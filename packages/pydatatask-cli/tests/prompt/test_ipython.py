"""The shell on a terminal, where IPython is installed."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_pipelines import run_script, write_script
from cli_terminal import Terminal, on_terminal

BODY = """
    session = Session()

    @session.resource
    async def store():
        print("opened", flush=True)
        try:
            yield "the store"
        finally:
            print("closed", flush=True)

    lib = library("b1", session=session)
    pipeline = lib.pipeline
"""

pytestmark = pytest.mark.requirement("cli.shell-terminal")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    pytest.importorskip("IPython", reason="IPython is not installed: tools/dev setup installs it")
    return write_script(tmp_path, BODY)


@contextmanager
def shell(script: Path) -> Generator[Terminal, None, None]:
    """Run the shell, with a home directory of its own."""
    variables = {"IPYTHONDIR": str(script.parent / "ipython"), "HOME": str(script.parent), "NO_COLOR": "1"}
    with on_terminal(script, "shell", variables=variables) as terminal:
        terminal.wait_for("In [1]:")
        yield terminal


def enter(terminal: Terminal, line: str) -> None:
    """Type a line as a person does, who sees what they type."""
    terminal.type(line + "\r")


def test_it_awaits_in_the_loop_in_which_the_pipeline_is_open(script: Path) -> None:
    with shell(script) as terminal:
        enter(terminal, "await pipeline.gather_ready_jobs(count)")
        terminal.wait_for("Out[1]: {'b1'}")
        enter(terminal, "task = asyncio.create_task(asyncio.sleep(0, 'slept'))")
        terminal.wait_for("In [3]:")
        enter(terminal, "await task")
        terminal.wait_for("Out[3]: 'slept'")
        enter(terminal, "rank_all.name, pipeline.is_open")
        terminal.wait_for("Out[4]: ('rank-all', True)")
        enter(terminal, "exit")
        assert "closed" in terminal.rest()
        assert terminal.process.wait(30) == 0


def test_ctrl_c_interrupts_what_is_awaited_and_not_the_shell(script: Path) -> None:
    with shell(script) as terminal:
        enter(terminal, "print('n' + 'ow'); await asyncio.sleep(3600)")
        terminal.wait_for("now\n")
        terminal.type("\x03")
        assert "Traceback" not in terminal.wait_for("KeyboardInterrupt")
        terminal.wait_for("In [2]:")
        enter(terminal, "20 + 22")
        terminal.wait_for("Out[2]: 42")
        enter(terminal, "exit")
        assert "closed" in terminal.rest()
        assert terminal.process.wait(30) == 0


def test_errors_are_printed_and_the_shell_goes_on(script: Path) -> None:
    with shell(script) as terminal:
        enter(terminal, "await pipeline.nothing")
        assert "pydatatask_cli/" not in terminal.wait_for("has no attribute 'nothing'")
        terminal.wait_for("In [2]:")
        enter(terminal, "%timeit -n1 -r1 pass")
        terminal.wait_for("per loop")
        enter(terminal, "get_ipython().run_cell('40 + 2').result")
        terminal.wait_for("Out[3]: 42")
        terminal.wait_for("In [4]:")
        terminal.type("\x04")
        terminal.wait_for("Do you really want to exit")
        enter(terminal, "y")
        assert "closed" in terminal.rest()
        assert terminal.process.wait(30) == 0


def test_sigterm_closes_the_session(script: Path) -> None:
    with shell(script) as terminal:
        terminal.process.send_signal(signal.SIGTERM)
        assert "closed" in terminal.rest()
        assert terminal.process.wait(30) == 143


def test_a_script_on_a_pipe_gets_plain_python(script: Path) -> None:
    done = run_script(script, "shell", stdin="await asyncio.sleep(0, 'slept')\n")
    assert done.stdout.decode() == "opened\n'slept'\nclosed\n"
    assert done.returncode == 0
