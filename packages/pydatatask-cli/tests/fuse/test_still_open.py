from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pydatatask_cli.fuse.still_open import is_held

pytestmark = pytest.mark.may_block  # that is what it does; it is called on the worker thread

HOLD = "import os, sys; print(flush=True); sys.stdin.read()"
HAND_ON = (
    f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}], stdout=1, pass_fds=[int(sys.argv[1])])"
)


@contextmanager
def child(code: str, descriptor: int) -> Iterator[int]:
    """Run a process that has a file, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[descriptor],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def opened_for_writing(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT)


def test_a_file_that_its_opener_still_has_is_held(path: Path) -> None:
    descriptor = opened_for_writing(path)
    assert is_held(str(path), os.getpid())
    os.close(descriptor)
    assert not is_held(str(path), os.getpid())


def test_one_that_is_only_read_is_not(path: Path) -> None:
    path.touch()
    with path.open("rb"):
        assert not is_held(str(path), os.getpid())


@pytest.mark.parametrize("code", [HOLD, HAND_ON], ids=["child", "grandchild"])
def test_one_that_a_descendant_has_is_held(path: Path, code: str) -> None:
    descriptor = opened_for_writing(path)
    with child(code, descriptor):
        os.close(descriptor)
        assert is_held(str(path), os.getpid())
    assert not is_held(str(path), os.getpid())


def test_where_the_opener_has_ended_everybody_is_asked(path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    descriptor = opened_for_writing(path)
    with child(HOLD, descriptor):
        os.close(descriptor)
        assert is_held(str(path), gone.pid)
    assert not is_held(str(path), gone.pid)


def test_another_file_is_not_held(path: Path) -> None:
    descriptor = opened_for_writing(path)
    try:
        assert not is_held(str(path) + "2", os.getpid())
    finally:
        os.close(descriptor)
