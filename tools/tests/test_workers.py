from __future__ import annotations

import pytest

from tools.testing.workers import printable
from tools.workspace import ROOT

HALF_A_CHARACTER = """

def test_it():
    print("\\udcff")
    assert "\\udcfe" == "a"

def test_another():
    pass
"""


@pytest.mark.parametrize("value", ["é\n", ["a", {"b": 1}], ("a", None), {"when": "call"}, 3])
def test_what_can_be_printed_is_left_as_it_is(value: object) -> None:
    assert printable(value) == value


def test_half_a_character_is_written_out_wherever_it_is() -> None:
    assert printable({"\udcff": [("stdout", "\udcff")]}) == {"\\udcff": [("stdout", "\\udcff")]}


def test_a_report_with_half_a_character_comes_from_a_worker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:surrogatepass")
    pytester.makepyfile(HALF_A_CHARACTER)
    result = pytester.runpytest_subprocess("-p", "tools.testing.workers", "-n", "1")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*\\udcfe*"])
