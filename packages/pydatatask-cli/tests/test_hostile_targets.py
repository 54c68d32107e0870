"""Arbitrary values of `-p`: a pipeline or a line on standard error, and no other module is run."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pydatatask_cli.discovery import find_pipeline
from pydatatask_core.errors import UsageError
from pydatatask_core.pipeline import Pipeline

SCRIPT = """
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session

pipeline = other = Pipeline([], Session())
"""
PIECES = ["flow", "flow.py", "broken.py", "ends.py", "binary.py", "empty.py", "folder", "folder.py", "pipe.py"]
PIECES += [
    "loop.py",
    ":",
    "pipeline",
    "nothing",
    ".",
    "..",
    "/",
    "~",
    " ",
    "\0",
    "\n",
    "\ud800",
    "\udcff",
    "é",
    "-",
    "__init__",
]
PIECES += ["'", "%s", "x" * 300, "__main__", "os.path", "os"]
TARGETS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text("/.:\0\n é\ud800_-%\\", max_size=20)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a directory with scripts that can be loaded, and with what looks like some."""
    (tmp_path / "flow.py").write_text(SCRIPT)
    (tmp_path / "broken.py").write_text("1 +\n")
    (tmp_path / "ends.py").write_text("raise SystemExit('at once\\nor later')\n")
    (tmp_path / "binary.py").write_bytes(b"\0\xff\xfe")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "loop.py").symlink_to("loop.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.fuzz
@pytest.mark.requirement("cli.user-errors")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=TARGETS)
@example(where="")
@example(where=":")
@example(where="flow:pipeline")
@example(where="flow:")
@example(where=".flow")
@example(where="flow..py")
@example(where="\0")
@example(where="a\0.py")
@example(where="/\ud800")
@example(where="x" * 5_000)
@example(where="x/" * 5_000)
def test_it_is_a_pipeline_or_a_usage_error(where: str, place: Path) -> None:
    path, argv, modules = list(sys.path), list(sys.argv), set(sys.modules)
    try:
        with contextlib.suppress(UsageError):
            assert isinstance(find_pipeline(where), Pipeline)
    finally:
        sys.path[:], sys.argv[:] = path, argv
        for name in sys.modules.keys() - modules:
            del sys.modules[name]
