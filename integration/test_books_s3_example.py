"""The example with S3 and MongoDB runs by one command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from integration.server_process import program

DEMO = Path(__file__).parent.parent / "examples" / "books_s3" / "demo.py"


def test_the_books_are_counted(tmp_path: Path) -> None:
    program("moto_server", "tools/dev setup installs it")
    program("secantusd-py", "tools/dev setup installs it")
    environ = {**os.environ, "BOOKS_REPORTS": str(tmp_path)}
    done = subprocess.run([sys.executable, str(DEMO)], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "summary.books 6\nsummary.done 6\nsummary.failures 0\nsummary.reports 6\n" in done.stdout
    assert 'The book "jonah" has 8 paragraphs, 102 lines, 1332 words' in done.stdout
    assert "result: success\n" in done.stdout
    assert len(list(tmp_path.glob("*.txt"))) == 6
