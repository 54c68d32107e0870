"""A pipeline whose functions run in a pool of processes: a program of its own, to be interrupted from a terminal.

Its files are in the working directory. It is told the start method of the pool, and whether that has been used before;
then it has a worker for each of two jobs, otherwise one more, which idles.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pydatatask


def work(job: str) -> None:
    """Say that it has begun, and end when it may."""
    Path("begun", job).touch()
    while not Path("go").exists():
        time.sleep(0.01)


def main() -> None:
    """Run the command that is asked for."""
    method, used = sys.argv.pop(1), sys.argv.pop(1)
    executor = ProcessPoolExecutor(2 if used == "used" else 3, multiprocessing.get_context(method))
    if used == "used":
        list(executor.map(time.sleep, [0.2, 0.2]))
    done = pydatatask.YamlMetadataFileRepository("done")
    task = pydatatask.ExecutorTask("work", executor, done, func=work)
    task.link("jobs", pydatatask.FileRepository("jobs"), is_input=True)
    pydatatask.main(pydatatask.Pipeline([task], pydatatask.Session()))


if __name__ == "__main__":
    main()
