from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import interpreters
from tools.interpreters import choose, installed, own

FOUND = {"3.11": Path("/a"), "3.13": Path("/b")}


def test_a_version() -> None:
    assert choose("3.11", FOUND) == {"3.11": Path("/a")}


def test_all_versions() -> None:
    assert choose("all", FOUND) == FOUND


def test_the_newest_version() -> None:
    assert choose("newest", FOUND) == {"3.13": Path("/b")}


def test_a_version_that_is_not_here() -> None:
    with pytest.raises(LookupError, match=r"there is no Python 3\.12 here; there are 3\.11, 3\.13"):
        choose("3.12", FOUND)


def test_interpreters_on_path_of_pyenv_and_of_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "bin"
    pyenv = tmp_path / "pyenv" / "versions" / "x" / "bin"
    for place in (directory, pyenv):
        place.mkdir(parents=True)
    (directory / "python3.12").write_text("#!/bin/sh\necho a shim with nothing behind it >&2; exit 127\n")
    (directory / "python3.12").chmod(0o755)
    monkeypatch.setattr(interpreters, "_of_uv", lambda: iter([tmp_path / "missing"]))
    environ = {"PATH": str(directory), "PYENV_ROOT": str(tmp_path / "pyenv")}
    assert installed(environ) == {}
    (pyenv / "python").symlink_to(sys.executable)
    assert list(installed(environ)) == [own()]


def test_a_version_that_we_do_not_support(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "python3.11"
    old.write_text("#!/bin/sh\necho /usr/bin/python; echo 3.10; echo cpython\n")
    old.chmod(0o755)
    monkeypatch.setattr(interpreters, "_of_uv", lambda: iter([]))
    assert installed({"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path)}) == {}
