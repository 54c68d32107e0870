from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import importlib
import io
import logging
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cli_pipelines import Library, call_main, environment, library, run_script, write_script
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pydatatask_cli
from pydatatask_core.errors import DefinitionError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.sessions.session import Session

Commands = argparse._SubParsersAction  # what the documentation says that `instrument` gets


COMMANDS = ["update", "run", "status", "trace", "rm", "ls", "cat", "inject", "launch", "shell", "fuse", "graph"]


@pytest.fixture
def lib() -> Library:
    return library("b1")


@pytest.mark.requirement("cli.help")
def test_the_help_screen_is_the_documented_one(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert call_main(monkeypatch, lib.pipeline, "--help") == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: main.py [-h]")
    documented = """\
  {update,run,status,trace,rm,ls,cat,inject,launch,shell,fuse,graph,failures,retry,cancel}
    update              Keep the pipeline in motion
    run                 Run update in a loop until everything is quiet
    status              View the pipeline status
    trace               Track a job's progress through the pipeline
    rm                  Delete data from the pipeline
    ls                  List jobs in a repository
    cat                 Print data from a repository
    inject              Dump data into a repository
    launch              Manually start a task
    shell               Launch an interactive shell to interrogate the pipeline
"""
    assert documented in out
    assert "  -h, --help            show this help message and exit\n" in out


@pytest.mark.requirement("cli.help")
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(
    lib: Library, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, lib.pipeline, command, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: main.py {command} [-h]")


@pytest.mark.requirement("cli.user-errors")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "the following arguments are required: {update,run,status,trace,rm,ls,cat,inject,launch,shell,"),
        (["statsu"], "invalid choice: 'statsu' (choose from 'update', 'run', 'status'"),
        (["status", "--what"], "unrecognized arguments: --what (see main.py status --help)"),
        (
            ["run", "--fail-fats"],
            "unrecognized arguments: --fail-fats (did you mean '--fail-fast'?) (see main.py run -",
        ),
        (["run", "--drian=5"], "unrecognized arguments: --drian=5 (did you mean '--drain'?)"),
        (["failures", "t", "b1"], "unrecognized arguments: b1 (see main.py failures --help)"),
        (["cat", "count.books"], "the following arguments are required: JOB"),
        (["ls"], "the following arguments are required: DATA"),
    ],
)
def test_what_cannot_be_parsed_is_one_line_and_status_2(
    lib: Library,
    arguments: list[str],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call_main(monkeypatch, lib.pipeline, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("main.py: error: ")
    assert text in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.requirement("cli.user-errors")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from(["status", "trace", "rm", "ls", "cat", "launch", "run", "update", ""]),
    arguments=st.lists(st.text("abc.-_ |&^()$%/\\\n\té", max_size=12), max_size=4),
)
def test_no_arguments_give_a_traceback(
    command: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = call_main(monkeypatch, library("a").pipeline, *([command] if command else []), *arguments)
    err = capsys.readouterr().err
    assert status in (0, 1, 2)
    notes = command == "trace"  # of jobs that are nowhere
    assert err.count("\n") == 1 if status or (notes and err) else not err
    assert "Traceback" not in err
    assert "-v shows" not in err  # which would be the handling of what nobody thought of


@pytest.mark.requirement("cli.system-exit")
def test_main_returns_none_where_the_status_is_0(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "status"])
    assert pydatatask_cli.main(lib.pipeline) is None  # type: ignore[func-returns-value]  # that is what is tested


@pytest.mark.requirement("cli.system-exit")
@pytest.mark.parametrize(("arguments", "code"), [(["cat", "count.counts", "b1"], 1), (["cat", "x.y", "b1"], 2)])
def test_main_raises_system_exit_where_it_is_not(
    lib: Library, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
    with pytest.raises(SystemExit) as caught:
        pydatatask_cli.main(lib.pipeline)
    assert caught.value.code == code


@pytest.mark.may_block  # argparse looks for translations before the loop is noticed
async def test_main_inside_a_coroutine_says_what_to_do(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "status") == 1
    assert "cannot be called inside a coroutine; await the functions of the commands" in capsys.readouterr().err


def test_main_works_outside_the_main_thread(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(call_main, monkeypatch, lib.pipeline, "status").result() == 0
    assert "count.books 1\n" in capsys.readouterr().out


def test_the_version(lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_main(monkeypatch, lib.pipeline, "--version") == 0
    assert capsys.readouterr().out.startswith("pydatatask 1.")


@pytest.mark.requirement("cli.instrument", "cli.instrument-coroutine")
def test_instrument_adds_commands(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def coroutine(pipeline: Pipeline, name: str, verbose: bool) -> None:
        assert pipeline is lib.pipeline
        assert pipeline.access is Access.WRITE
        sys.stdout.write(f"{name} {verbose}\n")

    def plain(pipeline: Pipeline, count: int) -> int:
        assert pipeline is lib.pipeline
        assert pipeline.access is None
        return asyncio.run(asyncio.sleep(0, count))

    def instrument(commands: Commands[argparse.ArgumentParser]) -> None:
        parser = commands.add_parser("greet", help="Say hello")
        parser.add_argument("name")
        parser.add_argument("-v", "--verbose", action="store_true")
        parser.set_defaults(func=coroutine)
        parser = commands.add_parser("fail")
        parser.add_argument("--count", type=int, default=3)
        parser.set_defaults(func=plain)
        parser = commands.add_parser("partial")
        parser.set_defaults(func=functools.partial(coroutine, name="partial", verbose=False))
        parser = commands.add_parser("lambda")
        parser.set_defaults(func=lambda pipeline: coroutine(pipeline, "lambda", True))
        commands.add_parser("nothing")

    def call(*arguments: str) -> tuple[int, str]:
        status = call_main(monkeypatch, lib.pipeline, *arguments, instrument=instrument)
        return status, capsys.readouterr().out

    assert call("greet", "you") == (0, "you False\n")
    assert call("-v", "greet", "-v", "you") == (0, "you True\n")
    assert call("fail", "--count", "7") == (7, "")
    assert call("fail", "--count", "0") == (0, "")
    assert call("partial") == (0, "partial False\n")
    assert call("lambda") == (0, "lambda True\n")
    assert call("status")[0] == 0
    assert "greet               Say hello" in call("--help")[1]
    assert call_main(monkeypatch, lib.pipeline, "nothing", instrument=instrument) == 2
    assert "set_defaults(func=...)" in capsys.readouterr().err


@pytest.mark.requirement("cli.instrument")
@pytest.mark.parametrize("result", [None, "text", True, {"a": 1}, 0])
def test_what_a_command_returns_is_the_status_only_if_it_is_a_number(
    lib: Library, result: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instrument(commands: Commands[argparse.ArgumentParser]) -> None:
        commands.add_parser("mine").set_defaults(func=lambda pipeline: result)

    assert call_main(monkeypatch, lib.pipeline, "mine", instrument=instrument) == 0


def _raise(error: Exception) -> str:
    raise error


@pytest.mark.requirement("cli.instrument", "cli.user-errors")
def test_a_command_whose_pipeline_cannot_be_opened_is_not_called(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session()

    @session.resource
    async def broken() -> AsyncGenerator[int, None]:
        yield int(_raise(DefinitionError("no such thing")))

    async def never(pipeline: Pipeline) -> None:
        raise AssertionError

    def instrument(commands: Commands[argparse.ArgumentParser]) -> None:
        commands.add_parser("one").set_defaults(func=never)
        commands.add_parser("two").set_defaults(func=lambda pipeline: never(pipeline))

    for command in ("one", "two"):
        pipeline = Pipeline([lib.count], session)
        assert call_main(monkeypatch, pipeline, command, instrument=instrument) == 2
        err = capsys.readouterr().err
        assert "no such thing" in err
        assert err.endswith(". This happened while resource 'broken' of the session was being opened.\n")
        assert err.count("\n") == 1


@contextlib.contextmanager
def bare_logging() -> Generator[logging.Logger, None, None]:
    """Have a root logger without handlers, as in a script, and not as pytest has it."""
    root, ours = logging.getLogger(), logging.getLogger("pydatatask")
    before = root.handlers[:], root.level, ours.level
    root.handlers[:] = []
    try:
        yield root
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])


@pytest.mark.requirement("cli.logging")
def test_logging_is_set_up_where_the_root_logger_has_no_handler(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with bare_logging() as root:
        call_main(monkeypatch, lib.pipeline, "status")
        assert len(root.handlers) == 1
        logging.getLogger("pydatatask.task").warning("look out")
        logging.getLogger("pydatatask.task").info("by the way")
        captured = capsys.readouterr()
        assert captured.err.endswith("WARNING pydatatask.task: look out\n")
        assert "by the way" not in captured.err
        assert "look out" not in captured.out


@pytest.mark.requirement("cli.logging")
def test_logging_is_left_alone_where_it_has_one(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    with bare_logging() as root:
        handler = logging.NullHandler()
        root.addHandler(handler)
        root.setLevel(logging.CRITICAL)
        logging.getLogger("pydatatask").setLevel(logging.NOTSET)
        call_main(monkeypatch, lib.pipeline, "status")
        assert root.handlers == [handler]
        assert root.level == logging.CRITICAL
        assert logging.getLogger("pydatatask").level == logging.NOTSET
        call_main(monkeypatch, lib.pipeline, "-vv", "status")
        assert root.handlers == [handler]
        assert root.level == logging.CRITICAL
        assert logging.getLogger("pydatatask").level == logging.DEBUG


@pytest.mark.requirement("cli.verbosity")
@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        (["status"], logging.WARNING),
        (["-v", "status"], logging.INFO),
        (["status", "-v"], logging.INFO),
        (["-v", "status", "-v"], logging.DEBUG),
        (["status", "-vvvvv"], logging.DEBUG),
        (["-q", "status"], logging.ERROR),
        (["status", "--quiet", "--quiet", "-qq"], logging.CRITICAL),
        (["--verbose", "status", "-q"], logging.WARNING),
    ],
)
def test_v_and_q_may_be_repeated_before_and_after_the_command(
    lib: Library,
    arguments: list[str],
    level: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with bare_logging():
        assert call_main(monkeypatch, lib.pipeline, *arguments) == 0
        assert logging.getLogger("pydatatask.whatever").getEffectiveLevel() == level


@pytest.mark.requirement("cli.verbosity")
def test_tracebacks_of_ordinary_errors_are_for_those_who_ask(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with bare_logging() as root:

        def log(*arguments: str) -> str:
            root.handlers.clear()
            call_main(monkeypatch, lib.pipeline, *arguments, "status")
            for error in (OSError("full"), ValueError("a bug")):
                logging.getLogger("pydatatask.task").error("failed: %s", error, exc_info=error)
            return capsys.readouterr().err

        assert [line for line in log().splitlines() if not line.startswith("2")] == ["ValueError: a bug"]
        assert [line for line in log("-v").splitlines() if not line.startswith("2")] == [
            "OSError: full",
            "ValueError: a bug",
        ]


@pytest.mark.requirement("cli.user-errors")
def test_an_unexpected_error_is_one_line_and_its_traceback_is_for_those_who_ask(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with bare_logging() as root:

        def bug(pipeline: Pipeline) -> None:
            raise KeyError("surprise")

        def instrument(commands: Commands[argparse.ArgumentParser]) -> None:
            commands.add_parser("bug").set_defaults(func=bug)

        assert call_main(monkeypatch, lib.pipeline, "bug", instrument=instrument) == 1
        assert capsys.readouterr().err == "main.py: error: KeyError: 'surprise' (-v shows where it came from)\n"
        root.handlers.clear()
        assert call_main(monkeypatch, lib.pipeline, "-v", "bug", instrument=instrument) == 1
        assert 'raise KeyError("surprise")' in capsys.readouterr().err


@pytest.mark.requirement("cli.functions-open-or-closed", "cli.functions-status")
@pytest.mark.parametrize("is_open", [True, False])
async def test_the_documented_functions_work_on_an_open_and_on_a_closed_pipeline(
    is_open: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = 0
    session = Session()

    @session.resource
    async def counting() -> AsyncGenerator[int, None]:
        nonlocal opened
        opened += 1
        yield opened

    lib = library("b1", "b2", session=session)
    pipeline = lib.pipeline
    if is_open:
        await pipeline.open()
    assert await pydatatask_cli.print_status(pipeline, True) == 0
    assert await pydatatask_cli.print_trace(pipeline, True, ["b1"]) == 0
    assert await pydatatask_cli.list_data(pipeline, ["count.books"]) == 0
    assert await pydatatask_cli.cat_data(pipeline, "count.books", "b1") == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("text"))
    assert await pydatatask_cli.inject_data(pipeline, "count.books", "b3") == 0
    assert await pydatatask_cli.delete_data(pipeline, "count.books", False, ["b3"]) == 0
    assert opened == is_open
    assert await pydatatask_cli.launch(pipeline, "count", "b1", True, True, False) == 0
    assert await pydatatask_cli.update(pipeline) == 0
    assert await pydatatask_cli.run(pipeline, False, False, None) == 0
    assert opened == (1 if is_open else 3)
    assert pipeline.is_open is is_open
    assert sorted(lib.ranks.data) == ["b1", "b2"]
    await pipeline.close()


@pytest.mark.requirement("cli.functions-status", "cli.user-errors")
async def test_the_documented_functions_return_2_for_what_the_user_got_wrong(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = lib.pipeline
    assert await pydatatask_cli.list_data(pipeline, ["nope"]) == 2
    assert await pydatatask_cli.cat_data(pipeline, "nope.x", "a") == 2
    assert await pydatatask_cli.inject_data(pipeline, "nope.x", "a") == 2
    assert await pydatatask_cli.delete_data(pipeline, "nope", True, ["a"]) == 2
    assert await pydatatask_cli.launch(pipeline, "nope", "a", True, True, True) == 2
    assert capsys.readouterr().err.count("has no task 'nope'") == 5


@pytest.mark.requirement("cli.broken-pipe")
@pytest.mark.parametrize("command", ["ls t.data", "cat t.big a"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_ends_a_command_quietly(tmp_path: Path, command: str, unbuffered: str) -> None:
    script = write_script(
        tmp_path,
        """
        async def nothing(job): pass
        task = Step("t", InProcessMetadataRepository(), nothing)
        task.link("data", InProcessMetadataRepository({f"{n:060}": n for n in range(100000)}), is_input=True)
        task.link("big", InProcessBlobRepository({"a": b"x" * 50_000_000}), is_input=True)
        pipeline = Pipeline([task], Session())
        """,
    )
    line = f"{sys.executable} {script} {command} | head -c 3; exit ${{PIPESTATUS[0]}}"
    variables = {**environment(), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["bash", "-c", line], capture_output=True, env=variables, timeout=60)
    assert done.stderr == b""
    assert len(done.stdout) == 3
    assert done.returncode == 141


def test_closed_standard_streams_are_no_problem(tmp_path: Path) -> None:
    script = write_script(tmp_path, 'pipeline = library("a").pipeline\n')
    for redirection, status in ((">&-", 0), ("2>&- <&-", 0)):
        line = f"{sys.executable} {script} status {redirection}"
        assert subprocess.run(["bash", "-c", line], env=environment(), timeout=60).returncode == status


def test_looking_at_a_small_pipeline_imports_nothing_heavy(tmp_path: Path) -> None:
    body = """
        import atexit
        pipeline = library("a").pipeline
        atexit.register(lambda: sys.stderr.write(" ".join(sys.modules)))
    """
    script = write_script(tmp_path, body)
    script.write_text(script.read_text().replace("from cli_pipelines import *", _MINIMAL))
    done = run_script(script, "status")
    assert done.returncode == 0, done.stderr.decode()
    heavy = {"rich", "yaml", "json", "networkx", "IPython", "importlib.metadata", "difflib", "code", "tempfile"}
    unused = {
        "pydatatask_core.outcomes.recorder",
        "pydatatask_core.scheduling.run",
        "pydatatask_cli.commands.run",
        "pydatatask_cli.outcomes.failed_jobs",
    }
    assert (heavy | unused) & set(done.stderr.decode().split()) == set()


_MINIMAL = """
from pydatatask_core import Pipeline, Repository, Session, Task
class R(Repository):
    async def unfiltered_iter(self):
        yield "a"
    async def info(self, job): ...
    async def delete(self, job): ...
class T(Task):
    async def update(self): ...
    async def launch(self, job): ...
def library(job):
    task = T("t")
    task.link("r", R(), is_input=True)
    class library:
        pipeline = Pipeline([task], Session())
    return library
"""


def test_the_public_names_are_those_of_the_documentation() -> None:
    documented = "cat_data delete_data inject_data launch list_data main print_status print_trace run shell update"
    assert pydatatask_cli.__all__ == documented.split()
    for name in documented.split():
        value: Any = getattr(pydatatask_cli, name)
        assert callable(value)
        assert value.__doc__


def test_no_folder_takes_the_place_of_a_public_function() -> None:
    shell_command = importlib.import_module("pydatatask_cli.commands.shell")  # and all that it needs
    assert pydatatask_cli.shell is shell_command.shell


@pytest.mark.requirement("cli.help")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example(
    lib: Library, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, lib.pipeline, command, "--help") == 0
    _, _, examples = capsys.readouterr().out.partition("\nexamples:\n")
    assert examples.startswith(f"  main.py {command}")


@pytest.mark.requirement("cli.user-errors")
def test_a_mistyped_command_gets_a_suggestion(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "statsu") == 2
    assert "'cancel') (did you mean 'status'?) (see" in capsys.readouterr().err
    assert call_main(monkeypatch, lib.pipeline, "graph", "--format", "merlaid") == 2
    assert "(did you mean 'mermaid'?)" in capsys.readouterr().err
    assert call_main(monkeypatch, lib.pipeline, "xyz") == 2
    assert "did you mean" not in capsys.readouterr().err
    assert call_main(monkeypatch, lib.pipeline, "statsu", "run") == 2  # a job may have the name of a command
    assert "(did you mean 'status'?)" in capsys.readouterr().err


@pytest.mark.requirement("cli.help")
@pytest.mark.parametrize("arguments", [("-h", "status"), ("-v", "-h", "status")])
def test_help_before_a_command_lists_all_commands(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert call_main(monkeypatch, lib.pipeline, *arguments) == 0
    listed = capsys.readouterr().out
    assert all(f"    {command}" in listed for command in COMMANDS)
