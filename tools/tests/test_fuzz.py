"""The plugin of `tools/dev fuzz`, with something in place of the fuzzer that tries inputs at random."""

from __future__ import annotations

import os
import re
from collections import deque

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

from tools.fuzz.one_input import Property, one_input
from tools.verbs import fuzz
from tools.workspace import ROOT

RANDOM_INPUTS = """
import contextlib, random, sys

def instrument_imports(include):
    print("instruments", *include)
    return contextlib.nullcontext()

def Setup(argv, test_one_input):
    global call
    call = test_one_input
    print("arguments", *argv[1:])

def Fuzz():
    make = random.Random(1)
    for _ in range(500):
        try:
            call(make.randbytes(64))
        except AssertionError:
            sys.exit("found something")
    sys.exit("found nothing")
"""
TESTS = """
import pytest
from hypothesis import given, strategies as st

@pytest.fixture(scope="module")
def least():
    return 100

@pytest.mark.parametrize("most", [150, 300])
@given(number=st.integers(0, 255))
def test_numbers(number, least, most):
    assert not least < number < 300 or number < most

def test_plain():
    pass
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(pytester.path)]))
    pytester.makepyfile(test_inner=TESTS, atheris=RANDOM_INPUTS)
    return pytester


def run(inner: pytest.Pytester, test: str) -> str:
    result = inner.runpytest_subprocess(
        "-s", "-p", "tools.fuzz.plugin", "--libfuzzer=-timeout=1", f"test_inner.py::{test}"
    )
    return result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize(("parameter", "outcome"), [("150", "something"), ("300", "nothing")])
def test_a_test_is_fuzzed_with_its_fixtures_and_parameters(
    inner: pytest.Pytester, parameter: str, outcome: str
) -> None:
    output = run(inner, f"test_numbers[{parameter}]")
    assert "arguments -timeout=1" in output
    assert re.search(r"instruments .*pydatatask_core .*yaml", output)
    assert f"found {outcome}" in output
    assert ("test_inner.py" in output.partition("Traceback")[2]) == (outcome == "something")


def test_a_test_without_properties_is_refused(inner: pytest.Pytester) -> None:
    assert "test_plain is no test of hypothesis" in run(inner, "test_plain")


def property_with_a_fixture(database: InMemoryExampleDatabase, phases: tuple[Phase, ...]) -> Property:
    @settings(database=database, phases=phases, suppress_health_check=list(HealthCheck))
    @given(number=st.integers(0, 10_000))
    def small(number: int, most: int) -> None:
        assert number < most, "too large"

    made: object = small
    assert isinstance(made, Property)
    return made


def test_what_is_found_is_found_again_by_the_plain_test() -> None:
    database = InMemoryExampleDatabase()
    call = one_input(property_with_a_fixture(database, (Phase.generate,)), {"most": 9_000})
    inputs = (os.urandom(16) for _ in range(1_000))
    with pytest.raises(AssertionError, match="too large"):
        deque(map(call, inputs), maxlen=0)
    plain: object = property_with_a_fixture(database, (Phase.reuse, Phase.shrink))
    assert callable(plain)
    with pytest.raises(AssertionError, match="too large"):
        plain(most=9_000)


def test_the_words_choose_tests(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(fuzz, "make_environment", lambda: None)
    monkeypatch.setattr(fuzz, "marked", lambda: ["a/test_ids.py::test_one", "a/test_yaml.py::test_two"])
    assert fuzz.main(["--list"]) == fuzz.main(["yaml", "--list"]) == 0
    assert capsys.readouterr().out.split() == [
        "a/test_ids.py::test_one",
        "a/test_yaml.py::test_two",
        "a/test_yaml.py::test_two",
    ]
    with pytest.raises(SystemExit):
        fuzz.main(["nothing"])


def test_the_summary_is_the_last_that_the_fuzzer_printed() -> None:
    told = "#2\tINITED cov: 12 ft: 12 corp: 1/1b\n#8192\tpulse  cov: 17 ft: 17\n"
    assert fuzz.summary(told) == "8192 inputs, coverage 17"
    assert fuzz.summary("Traceback") == "has told nothing"
