"""The how-to guide on failures does what it says: 500 flaky jobs, stopped by Ctrl-C half-way, and resumed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

GUIDE = Path(__file__).parent.parent / "docs" / "how-to" / "failures.md"
JOBS = 500
MOST_LINES = 25
MOST_RUNS = 5


def first_block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture
def flaky(tmp_path: Path) -> Path:
    """A directory as it is once the reader has made the files."""
    (tmp_path / "main.py").write_text(first_block("python"))
    (tmp_path / "count.sh").write_text(first_block("bash"))
    making = re.search(r"^\$ (mkdir pages; .*)$", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert making is not None
    subprocess.run(["bash", "-c", making[1]], cwd=tmp_path, check=True)
    return tmp_path


def command(flaky: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "main.py", *arguments]
    return subprocess.run(argv, cwd=flaky, capture_output=True, text=True, check=False, timeout=120)


def interrupt_half_way(flaky: Path) -> str:
    argv = [sys.executable, "main.py", "run"]
    with subprocess.Popen(argv, cwd=flaky, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        deadline = time.monotonic() + 60
        while len(list(flaky.glob("counts/*.txt"))) < JOBS // 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=60)
    assert run.returncode == 130, told
    return told


@pytest.mark.timeout(300)
@pytest.mark.requirement("proc.retry", "cli.retry", "cli.run-failures")
def test_500_flaky_jobs_are_all_done_after_an_interruption(flaky: Path) -> None:
    assert len(first_block("python").splitlines()) <= MOST_LINES
    assert "interrupted; jobs still running: " in interrupt_half_way(flaky)
    for _ in range(MOST_RUNS):
        run = command(flaky, "run")
        if run.returncode == 0:
            break
        assert run.returncode == 3, run.stderr
        assert "to start them again: retry count --all" in run.stderr
        assert ": exit, attempt 5: its process ended with status 1" in run.stderr or ": timeout, " in run.stderr
        assert command(flaky, "retry", "count", "--all").returncode == 0
    status = "count.stdin 500\ncount.pids 0\ncount.done 500\ncount.failures 0\ncount.stdout 500\n"
    assert status in command(flaky, "status").stdout
    assert {path.read_text() for path in flaky.glob("counts/*.txt")} == {"3\n"}
    records = [yaml.safe_load(path.read_text()) for path in flaky.glob("state/count.done/*.yaml")]
    attempts = [record["attempt"] for record in records]
    assert 1 < max(attempts) <= 5
    assert all(len(record.get("earlier", ())) == record["attempt"] - 1 for record in records)
