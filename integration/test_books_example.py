"""The example over directories does what it says, and what the quickstart says of failures."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "books"


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """A copy of the example that has not been run."""
    return shutil.copytree(EXAMPLE, tmp_path / "books", ignore=shutil.ignore_patterns("build"))


def example(books: Path, *command: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "main.py", *command], cwd=books, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.mark.requirement("cli.run-failures")
def test_a_book_that_cannot_be_read_fails_alone_until_it_is_mended(books: Path) -> None:
    (books / "texts" / "hosea.txt").write_bytes(b"Hos\xe9a")
    told = example(books, "run", status=3)
    assert "7 jobs run" in told
    assert "- job hosea of count: exception, attempt 1: UnicodeDecodeError(" in told
    assert "count.done 6\ncount.failures 1\n" in example(books, "status")
    assert "rank.shelf 0\n" in example(books, "status")  # it waits until all books have been counted

    (books / "texts" / "hosea.txt").write_text("Hosea")
    assert "hosea count.failures\n" in example(books, "retry", "count", "--all")
    example(books, "run")
    assert "count.done 7\ncount.failures 0\n" in example(books, "status")
    (ranking,) = example(books, "ls", "rank.rankings").split()
    assert "hosea" in example(books, "cat", "rank.rankings", ranking)
