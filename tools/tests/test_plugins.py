"""The plugins of `tools.testing`, each in a run of pytest of its own."""

from __future__ import annotations

import pytest

from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("PYDATATASK_STRICT_SKIPS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeini("[pytest]\nasyncio_mode = auto\nmarkers =\n    requirement\n    may_block\n    may_skip\n")
    FakeWorkspace(pytester.path).write(
        "tools/requirements/ids.toml", '["ids.length"]\nsentence = "An id has a length."\n'
    )
    return pytester


def run(inner: pytest.Pytester, plugin: str, *arguments: str) -> pytest.RunResult:
    return inner.runpytest_subprocess("-p", f"tools.testing.{plugin}", *arguments)


SKIPPED = """
import pytest

@pytest.mark.skip(reason="no server")
def test_skipped(): ...

def test_skips_itself():
    pytest.skip("no server")

@pytest.mark.may_skip
def test_may_skip():
    pytest.skip("needs a cluster")

@pytest.mark.xfail(reason="known")
def test_expected_failure():
    assert False
"""


def test_skips_are_skips(inner: pytest.Pytester) -> None:
    inner.makepyfile(SKIPPED)
    run(inner, "skips").assert_outcomes(skipped=3, xfailed=1)


def test_skips_are_failures_in_the_strict_mode(inner: pytest.Pytester) -> None:
    inner.makepyfile(SKIPPED)
    result = run(inner, "skips", "--strict-skips")
    result.assert_outcomes(failed=1, errors=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*was not to be skipped here: *no server*"])


def test_the_strict_mode_by_the_environment(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYDATATASK_STRICT_SKIPS", "1")
    inner.makepyfile("import pytest\npytest.importorskip('no_such_module')\n")
    run(inner, "skips").assert_outcomes(errors=1)


def test_a_marker_with_an_unknown_requirement(inner: pytest.Pytester) -> None:
    inner.makepyfile(
        """
        import pytest
        @pytest.mark.requirement("ids.length", "ids.colour")
        def test_it(): ...
        """
    )
    result = run(inner, "requirement_ids")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_it: no requirement 'ids.colour'*"])
    result.stderr.no_fnmatch_line("*ids.length*")


BLOCKING = """
import os
import pytest
import pydatatask_core

namespace = {}
source = "import os\\ndef block(): os.listdir('.')"
exec(compile(source, pydatatask_core.__path__[0] + "/made_up.py", "exec"), namespace)
block = namespace["block"]

async def test_ours_blocks():
    block()

@pytest.mark.may_block
async def test_ours_may_block():
    block()

def test_no_loop_to_block():
    block()

async def test_others_block():
    os.listdir(".")

async def test_ours_blocks_again():
    block()
"""


def test_a_blocked_event_loop_fails_the_test(inner: pytest.Pytester) -> None:
    inner.makepyfile(BLOCKING)
    result = run(inner, "blocking")
    result.assert_outcomes(failed=2, passed=3)
    result.stdout.fnmatch_lines(["*BlockingError: Blocking call to os.listdir*"])
