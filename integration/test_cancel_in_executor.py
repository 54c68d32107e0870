"""A job in the worker of another controller's process pool is stopped by `cancel`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pydatatask


def work(job: str) -> None:
    Path("started").touch()
    time.sleep(3600)


if __name__ == "__main__":
    done, failures = pydatatask.outcome_files("state/work")
    with ProcessPoolExecutor(1) as pool:
        task = pydatatask.ExecutorTask("work", pool, done, func=work, failures=failures)
        task.link("jobs", pydatatask.InProcessMetadataRepository({"long": 1}), is_input=True)
        pydatatask.main(pydatatask.Pipeline([task], pydatatask.Session(), poll_seconds=(0.01, 0.05)))
"""

pytestmark = pytest.mark.timeout(120)


@pytest.mark.requirement("cli.cancel")
def test_a_job_in_an_executor_of_another_controller_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(SCRIPT)
    argv = [sys.executable, "main.py"]
    with subprocess.Popen([*argv, "run"], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as run:
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
            assert run.poll() is None
        cancel = [*argv, "cancel", "work", "long"]
        stopped = subprocess.run(cancel, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert (stopped.returncode, stopped.stdout) == (0, "long work cancelled\n"), stopped.stderr
        _, told = run.communicate(timeout=60)
    assert run.returncode == 3, told
    assert "job long of work: cancelled, attempt 1: it was cancelled on request" in told
