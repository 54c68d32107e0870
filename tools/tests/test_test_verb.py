from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tools import interpreters
from tools.verbs import test as verb


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record what would be run, which finds no test."""
    commands: list[list[str]] = []

    def run(argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        commands.append(list(argv)[3:])
        return verb.NO_TESTS

    monkeypatch.setattr(verb, "run", run)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    return commands


def test_tests_run_in_two_processes_for_each_core(started: list[list[str]]) -> None:
    assert verb.main(["-k", "word", "--color=yes", "--strict-skips"]) == verb.NO_TESTS
    assert started == [["-n", "6", "--dist", "loadgroup", "-k", "word", "--color=yes", "--strict-skips"]]


@pytest.mark.parametrize("option", ["-n0", "-n", "--numprocesses=3", "--dist=no", "--pdb", "--collect-only", "-s"])
def test_an_option_that_says_in_how_many(started: list[list[str]], option: str) -> None:
    verb.main([option, "packages"])
    assert started == [[option, "packages"]]


def test_the_newest_python_may_be_that_of_the_environment(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "installed", lambda: {interpreters.own(): Path(sys.executable)})
    assert verb.main(["--python", "newest"]) == 0
    assert started == []


def test_a_change_that_touches_no_test_is_no_failure(started: list[list[str]]) -> None:
    assert verb.main(["--changed", "-n0", "packages"]) == 0
    assert started == [["--testmon", "--testmon-forceselect", "-n0", "packages"]]
