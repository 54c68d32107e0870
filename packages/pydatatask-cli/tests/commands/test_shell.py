from __future__ import annotations

import signal
from pathlib import Path

import pytest
from cli_pipelines import library, run_script, write_script
from cli_terminal import on_terminal

from pydatatask_cli import shell
from pydatatask_core.errors import SessionStateError

BODY = """
    sys.modules["IPython"] = None  # the shell is Python's own

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


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write_script(tmp_path, BODY)


@pytest.mark.requirement("cli.shell")
def test_commands_from_a_pipe_give_nothing_but_their_output(script: Path) -> None:
    commands = """\
pipeline.is_open
sorted(await pipeline.gather_ready_jobs(count))
await pipeline.update()
rank_all.name
x = 5
def double(n):
    return 2 * n

double(x)
async def later():
    await asyncio.sleep(0)
    return "later"

t = asyncio.create_task(later())
await t
"""
    done = run_script(script, "shell", stdin=commands)
    assert done.stderr == b""
    assert done.stdout.decode() == "opened\nTrue\n['b1']\nTrue\n'rank-all'\n10\n'later'\nclosed\n"
    assert done.returncode == 0


@pytest.mark.requirement("cli.shell", "cli.shell-script")
@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("def f():\n    1/0\n\nf()\n", "ZeroDivisionError: division by zero"),
        ("await asyncio.sleep('x')\n", "TypeError"),
        ("1 +\n", "SyntaxError"),
        ("raise asyncio.CancelledError\n", "CancelledError"),
    ],
)
def test_an_error_ends_a_script_and_is_printed_without_frames_of_ours(script: Path, lines: str, error: str) -> None:
    done = run_script(script, "shell", stdin=f"'one'\n{lines}'two'\n")
    err = done.stderr.decode()
    assert error in err
    assert "pydatatask_cli" not in err
    assert done.stdout.decode() == "opened\n'one'\nclosed\n"
    assert done.returncode == 1


@pytest.mark.requirement("cli.shell")
@pytest.mark.parametrize(("leave", "status"), [("exit()", 0), ("exit(3)", 3), ("raise SystemExit('no')", 1), ("", 0)])
def test_leaving_closes_the_session_and_gives_the_status(script: Path, leave: str, status: int) -> None:
    done = run_script(script, "shell", stdin=f"1\n{leave}\n")
    assert done.stdout.decode() == "opened\n1\nclosed\n"
    assert done.returncode == status


@pytest.mark.requirement("cli.shell", "cli.user-errors")
def test_a_pipeline_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    script = write_script(tmp_path, BODY.replace("try:", "try:\n            assert not open('/no store')"))
    done = run_script(script, "shell", stdin="1\n")
    assert done.returncode == 1
    assert done.stdout.decode() == "opened\nclosed\n"
    assert done.stderr.count(b"\n") == 1
    assert b"no store" in done.stderr


@pytest.mark.requirement("cli.shell")
def test_what_is_left_running_does_not_keep_the_shell(script: Path) -> None:
    done = run_script(script, "shell", stdin="t = asyncio.create_task(asyncio.sleep(3600))\n")
    assert done.stdout.decode() == "opened\nclosed\n"
    assert done.returncode == 0


@pytest.mark.requirement("cli.shell")
async def test_inside_a_coroutine_the_shell_says_what_to_do() -> None:
    with pytest.raises(SessionStateError, match="call it elsewhere, with the pipeline closed"):
        shell(library().pipeline)


@pytest.mark.requirement("cli.shell", "cli.shell-terminal")
def test_on_a_terminal_there_are_prompts(script: Path) -> None:
    with on_terminal(script, "shell") as terminal:
        assert "top-level await" in terminal.wait_for(">>> ")
        terminal.type("await pipeline.gather_ready_jobs(count)\r")
        assert "{'b1'}" in terminal.wait_for(">>> ")
        terminal.type("for n in range(2):\r")
        terminal.wait_for("... ")
        terminal.type("  n + 40\r")
        terminal.wait_for("... ")
        terminal.type("\r")
        assert "40\n41\n" in terminal.wait_for(">>> ")
        terminal.type("1/0\r")
        assert "ZeroDivisionError" in terminal.wait_for(">>> ")
        terminal.type("1 +\r")
        assert "SyntaxError" in terminal.wait_for(">>> ")
        terminal.type("\x04")
        assert "closed" in terminal.rest()
        assert terminal.process.wait(30) == 0


@pytest.mark.requirement("cli.shell")
def test_ctrl_c_interrupts_what_is_awaited_and_what_is_typed_but_not_the_shell(script: Path) -> None:
    with on_terminal(script, "shell") as terminal:
        terminal.wait_for(">>> ")
        terminal.type("half of a li")
        terminal.wait_for("half of a li")
        terminal.type("\x03")
        terminal.wait_for("KeyboardInterrupt\n>>> ")
        terminal.type("print('now'); await asyncio.sleep(3600)\r")
        terminal.wait_for("\nnow\n")
        terminal.type("\x03")
        terminal.wait_for("KeyboardInterrupt\n>>> ")
        terminal.type("1 + 1\r")
        assert "2\n" in terminal.wait_for(">>> ")
        terminal.type("exit()\r")
        assert "closed" in terminal.rest()
        assert terminal.process.wait(30) == 0


@pytest.mark.requirement("cli.shell", "run.exit-status-signals")
def test_sigterm_closes_the_session(script: Path) -> None:
    with on_terminal(script, "shell") as terminal:
        terminal.wait_for(">>> ")
        terminal.process.send_signal(signal.SIGTERM)
        assert "closed" in terminal.rest()
        assert terminal.process.wait(30) == 143
