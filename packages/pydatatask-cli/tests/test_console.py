"""The console script."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import textwrap
from collections.abc import Generator
from pathlib import Path

import pytest
from cli_pipelines import environment

from pydatatask_cli.console import main
from pydatatask_cli.discovery import find_pipeline
from pydatatask_core.errors import UsageError
from pydatatask_core.pipeline import Pipeline

ONE = """
    from pydatatask_core import Pipeline, Session
    name = __name__
    pipeline = Pipeline([], Session())
    if __name__ == "__main__":
        raise AssertionError("this block is not to be run")
"""


@pytest.fixture(autouse=True)
def _python_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[None, None, None]:
    """Have the test's directory as the current one, and forget what it imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "argv", ["/bin/pydatatask"])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


@pytest.mark.requirement("cli.console-script")
def test_a_script_is_loaded_without_its_main_block_and_imports_modules_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "neighbour.py", "value = 5\n")
    path = write(tmp_path / "deep" / "flow.py", "import neighbour\n" + textwrap.dedent(ONE))
    pipeline = find_pipeline("deep/flow.py")
    assert sys.modules["flow"].pipeline is pipeline
    assert sys.path[0] == str(path.parent)
    assert sys.argv[0] == str(path)


@pytest.mark.requirement("cli.console-script")
@pytest.mark.parametrize("name", ["flow", "my-flow.py", "json.py", "main.py", "flow.txt"])
def test_a_script_may_have_any_name(tmp_path: Path, name: str) -> None:
    json = sys.modules.get("json")
    write(tmp_path / name, ONE)
    assert isinstance(find_pipeline(f"./{name}"), Pipeline)
    assert sys.modules.get("json") is json


@pytest.mark.requirement("cli.console-script")
def test_a_module_is_found_from_the_current_directory(tmp_path: Path) -> None:
    write(tmp_path / "flows" / "__init__.py", "")
    write(tmp_path / "flows" / "daily.py", ONE)
    pipeline = find_pipeline("flows.daily")
    assert sys.modules["flows.daily"].pipeline is pipeline
    assert sys.argv[0] == str(tmp_path / "flows" / "daily.py")


@pytest.mark.requirement("cli.console-script")
def test_which_pipeline_is_meant(tmp_path: Path) -> None:
    head = "from pydatatask_core import Pipeline, Session\n"
    write(tmp_path / "single.py", f"{head}other = x = Pipeline([], Session())\n")
    write(tmp_path / "several.py", f"{head}one = Pipeline([], Session())\ntwo = Pipeline([], Session())\n")
    write(tmp_path / "default.py", f"{head}one = Pipeline([], Session())\npipeline = Pipeline([], Session())\n")
    assert find_pipeline("single.py") is sys.modules["single"].x
    assert find_pipeline("several.py:two") is sys.modules["several"].two
    assert find_pipeline("several:one") is sys.modules["several"].one
    assert find_pipeline("default.py") is sys.modules["default"].pipeline


@pytest.mark.requirement("cli.console-script", "cli.user-errors")
@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("absent.py", "there is no script absent.py"),
        ("some/absent", "there is no script some/absent"),
        ("./", "there is no script ./: it is a directory"),
        ("absent", "there is no module 'absent', nor a script of that name"),
        ("absent.deeper", "there is no module 'absent.deeper'"),
        ("..", "there is no module '..'"),
        ("", "there is no module ''"),
        ("several.py", "has several pipelines; add which one, as in several.py:one; they are: one, two"),
        ("several.py:three", "several.py has no 'three'; its pipelines are: one, two"),
        ("several.py:Session", "Session of several.py is no pipeline but a type"),
        ("several.py:a-b", "'a-b' is not a name in a module"),
        ("several.py:", "'' is not a name in a module"),
        ("none.py", "none.py has no pipeline: assign a pydatatask.Pipeline to a name in it"),
        ("syntax.py", "syntax.py cannot be loaded: SyntaxError: "),
        ("needs.py", "needs.py cannot be loaded: ModuleNotFoundError: No module named 'not_installed'"),
        ("needs", "needs cannot be loaded: ModuleNotFoundError: No module named 'not_installed'"),
        ("leaves.py", "leaves.py ended the program while it was loaded (status 7): call pydatatask.main only inside"),
        ("twice.py", "the pipeline has two tasks named 't'; give one another name (twice.py, line 8)"),
        ("bug.py", "bug.py cannot be loaded: ZeroDivisionError: division by zero (bug.py, line 2)"),
    ],
)
def test_what_cannot_be_found_or_loaded_is_one_line_and_status_2(
    tmp_path: Path, where: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "from pydatatask_core import Pipeline, Session, Task\n"
    write(tmp_path / "several.py", f"{head}one = Pipeline([], Session())\ntwo = Pipeline([], Session())\n")
    write(tmp_path / "none.py", head)
    write(tmp_path / "syntax.py", "one = = 2\n")
    write(tmp_path / "needs.py", "import not_installed\n")
    write(tmp_path / "leaves.py", "import sys\nsys.exit(7)\n")
    write(tmp_path / "bug.py", "def f():\n    1/0\n\nf()\n")
    write(tmp_path / "twice.py", f"{head}\nclass T(Task):\n    async def update(self): ...\n")
    with (tmp_path / "twice.py").open("a") as file:
        file.write("    async def launch(self, job): ...\n\n\nPipeline([T('t'), T('t')], Session())\n")
    monkeypatch.setattr(sys, "argv", ["/bin/pydatatask", "-p", where, "status"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == 1


async def test_a_failed_load_leaves_no_half_loaded_module(tmp_path: Path) -> None:
    write(tmp_path / "broken_flow.py", "1/0\n")
    with pytest.raises(UsageError):
        find_pipeline("broken_flow.py")
    assert "broken_flow" not in sys.modules


@pytest.mark.requirement("cli.console-script")
def test_the_installed_script(tmp_path: Path) -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="pydatatask")
    assert script.load() is main
    write(tmp_path / "flow.py", "from cli_pipelines import *\nmine = library('b1').pipeline\n")
    program = Path(sys.executable).with_name("pydatatask")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments], capture_output=True, text=True, env=environment(), cwd=tmp_path, timeout=60
        )

    assert call("-p", "flow.py", "ls", "count.books").stdout == "b1\n"
    assert call("--pipeline=flow:mine", "ls", "count.books").stdout == "b1\n"
    done = call("-p", "flow.py", "cat", "count.books", "absent")
    assert done.returncode == 1
    assert done.stderr.startswith("flow.py: error: job 'absent' is not in count.books")
    assert "usage: pydatatask [-h]" in call("--help").stdout
    done = call("ls", "count.books", "-p", "flow.py")
    assert done.returncode == 2
    assert "required: -p/--pipeline, before the command" in done.stderr
    assert call().returncode == 2
