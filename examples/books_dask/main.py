"""Count the words of some books on the workers of a Dask cluster, which share a file system.

The environment variable DASK_SCHEDULER is the address of the cluster, such as `tcp://HOST:8786`. Without it, each
command starts a cluster on this machine and stops it at its end::

    python main.py run
    python main.py status
    python main.py cat summary.reports jonah
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pydatatask

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("BOOKS_BUILD", HERE / "build"))

books_repo = pydatatask.FileRepository(HERE.parent / "books" / "texts", ".txt")
done_repo, failures_repo = pydatatask.outcome_files(BUILD / "summary")
reports_repo = pydatatask.FileRepository(BUILD / "reports", ".txt")


@contextmanager
def cluster() -> Iterator[Executor]:
    """Connect to a cluster. One that is started for this stops at the end of the block."""
    from dask.distributed import Client, LocalCluster

    with ExitStack() as stack:
        place = os.environ.get("DASK_SCHEDULER")
        if place is None:
            own = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
            place = stack.enter_context(own).scheduler_address
        yield stack.enter_context(Client(place)).get_executor()


async def summarize(job: str, books: pydatatask.FileRepository, reports: pydatatask.FileRepository) -> None:
    """Count the words of one book. Workers get this function by value, as they cannot import this script."""
    async with await books.open(job, "r") as fp:
        data = await fp.read()
    lines = data.splitlines()
    paragraphs = sum(line.strip() == "" for line in lines)
    words = sum(len(line.split()) for line in lines)
    chars = sum(map(len, lines))
    async with await reports.open(job, "w") as fp:
        await fp.write(
            f'The book "{job}" has {paragraphs} paragraphs, {len(lines)} lines, {words} words, and {chars} characters '
            f"(counted by process {os.getpid()}).\n"
        )


def books_pipeline(executor: Executor) -> pydatatask.Pipeline:
    """Return the pipeline. The linked repositories are sent to the workers as well, so they have to be files."""
    summary = pydatatask.ExecutorTask("summary", executor, done_repo, func=summarize, failures=failures_repo)
    summary.link("books", books_repo, is_input=True)
    summary.link("reports", reports_repo, is_output=True)
    return pydatatask.Pipeline([summary], pydatatask.Session())


if __name__ == "__main__":
    needs_workers = sys.argv[1:2] in (["run"], ["update"], ["launch"])  # the others only read files
    with cluster() if needs_workers else ThreadPoolExecutor() as workers:
        pydatatask.main(books_pipeline(workers))
