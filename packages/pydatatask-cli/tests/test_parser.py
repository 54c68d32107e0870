from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pydatatask_cli.commands
from pydatatask_cli.arguments import COMMANDS, SubParsers
from pydatatask_cli.parser import build_parser, parse_arguments

PRINT_LOADED = """
import sys
from pydatatask_cli.parser import parse_arguments
try:
    parse_arguments(sys.argv[1:], finds_pipeline=True)
except SystemExit:
    pass
names = (name.removeprefix("pydatatask_cli.commands.") for name in sys.modules if "_cli.commands." in name)
print("loaded:", *sorted(names))
"""


def loaded_for(*arguments: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", PRINT_LOADED, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_the_list_has_each_module_of_commands() -> None:
    folder = Path(pydatatask_cli.commands.__path__[0])
    assert set(COMMANDS) == {path.stem for path in folder.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize(
    "before", [[], ["-v"], ["-vvq", "--quiet"], ["-p", "run"], ["--pipeline", "rm"], ["-prun"], ["--pipeline=run"]]
)
def test_only_the_command_that_is_called_is_loaded(before: list[str]) -> None:
    assert loaded_for(*before, "status", "--json") == ["status"]


def test_help_loads_no_command_and_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert loaded_for("--help") == []
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    short = capsys.readouterr().out
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    assert short == capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["statsu"], ["-p", "x", "run", "--fial-fast"], ["--pipe", "x", "status"], ["-x", "status"], ["run", "--help"]],
)
def test_what_is_said_of_other_arguments_is_the_same_as_with_all_commands(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(capsys, lambda: parse_arguments(arguments, finds_pipeline=True)) == outcome(
        capsys, lambda: parse_arguments(arguments, load_all, finds_pipeline=True)
    )


def load_all(commands: SubParsers) -> None:
    """Add no command; that one could be added lets all be loaded."""


def outcome(capsys: pytest.CaptureFixture[str], parse: Callable[[], object]) -> tuple[object, str, str]:
    try:
        result = parse()
    except SystemExit as end:
        result = end.code
    captured = capsys.readouterr()
    return result, captured.out, captured.err
