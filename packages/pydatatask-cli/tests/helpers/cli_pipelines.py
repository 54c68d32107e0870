"""Small pipelines in memory, and ways to run the command line on them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from pydatatask_cli import main
from pydatatask_core.outcomes.job_failure import JobFailure, exception_types
from pydatatask_core.outcomes.recorder import Attempt
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.task import Task
from pydatatask_storage.memory.blobs import InProcessBlobRepository
from pydatatask_storage.memory.metadata import InProcessMetadataRepository

Body = Callable[[str], Awaitable[None]]


class Step(Task):
    """A task whose job is a coroutine in this process, which is recorded in `done`."""

    runs_in_process = True

    def __init__(self, name: str, done: MetadataRepository, body: Body, disabled: bool = False) -> None:
        super().__init__(name, disabled=disabled)
        self.done = done
        self.body = body
        self.forgotten: list[tuple[str, str]] = []
        self.link("done", done, is_status=True, inhibits_start=True, required_for_output=True)

    @override
    async def update(self) -> bool:
        return False

    @override
    async def launch(self, job: str) -> None:
        record: dict[str, object] = {"result": "success"}
        try:
            await self.body(job)
        except Exception as error:
            record = {"result": "exception", "exception": repr(error)}
            self.failed(job, error)
        if self.metadata:
            await self.done.dump(job, record)
            self.changed(self.done, job)

    @override
    async def forget(self, link: str, job: str) -> None:
        self.forgotten.append((link, job))


class Flaky(Task):
    """A task whose job is a coroutine in this process; it records failures apart, and knows the number of its attempt.

    Its body gets the job and the number.
    """

    runs_in_process = True

    def __init__(
        self,
        name: str,
        done: MetadataRepository,
        failures: MetadataRepository,
        body: Callable[[str, int], Awaitable[None]],
        retry: Retry | None = None,
    ) -> None:
        super().__init__(name)
        self.body = body
        self.running: dict[str, asyncio.Task[None]] = {}
        self.link("done", done, is_status=True, inhibits_start=True, required_for_output=True)
        self.record_failures(done, failures, retry)

    @override
    async def update(self) -> bool:
        return bool(self.running)

    @override
    async def launch(self, job: str) -> None:
        assert self.outcomes is not None
        attempt = await self.outcomes.begin(job)
        if attempt is None:
            return
        self.running[job] = asyncio.ensure_future(self.body(job, attempt.number))
        start = self.outcomes.clock()
        failure: JobFailure | None = None
        error: BaseException | None = None
        try:
            try:
                await self.running[job]
            except asyncio.CancelledError:
                if not attempt.is_cancelled:
                    self.running[job].cancel()
                    raise
                failure, error = JobFailure("cancelled", "on request"), RuntimeError("cancelled")
            except Exception as raised:
                failure, error = JobFailure("exception", repr(raised), exception_types=exception_types(raised)), raised
            if failure is None or error is None:
                await self.outcomes.succeed(job, {"result": "success", "start_time": start}, attempt)
            else:
                await self._fail(job, start, failure, attempt, error)
        finally:
            del self.running[job]
            self.outcomes.end(job)
        self.completed(job)

    async def _fail(
        self, job: str, start: datetime, failure: JobFailure, attempt: Attempt, error: BaseException
    ) -> None:
        assert self.outcomes is not None
        record = {"result": "exception", "start_time": start, "end_time": self.outcomes.clock()}
        await self.outcomes.fail(job, record, failure, attempt)
        self.failed(job, error)

    @override
    async def stop(self, job: str) -> None:
        assert self.outcomes is not None
        self.outcomes.in_flight[job].is_cancelled = True
        self.running[job].cancel()


class Bare(Repository):
    """A repository that is neither of blobs nor of records, and defines just what it must."""

    def __init__(self, *jobs: str) -> None:
        self.jobs = set(jobs)
        self.listings = 0

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        self.listings += 1
        for job in sorted(self.jobs):
            yield job

    @override
    async def info(self, job: str) -> Any:
        return f"about {job}"

    @override
    async def delete(self, job: str) -> None:
        self.jobs.discard(job)


@dataclass(frozen=True)
class Library:
    """Two tasks in a row: `count` counts the words of books, `rank-all` ranks the counts."""

    pipeline: Pipeline
    books: InProcessBlobRepository
    counts: InProcessMetadataRepository
    counted: InProcessMetadataRepository
    ranks: InProcessMetadataRepository
    ranked: InProcessMetadataRepository
    seen: Bare
    count: Step
    rank: Step


def library(*jobs: str, session: Session | None = None) -> Library:
    """Make the pipeline, with a book for each job."""
    books = InProcessBlobRepository(dict.fromkeys(jobs, b"a few words"))
    counts, counted, ranks, ranked = (InProcessMetadataRepository() for _ in range(4))
    seen = Bare()

    async def count_words(job: str) -> None:
        await counts.dump(job, len(books.data[job].split()))

    async def rank_count(job: str) -> None:
        await ranks.dump(job, {"rank": await counts.info(job)})

    count = Step("count", counted, count_words)
    count.link("counts", counts, is_output=True)
    count.link("seen", seen)
    count.link("books", books, is_input=True)
    rank = Step("rank-all", ranked, rank_count)
    rank.plug(count)
    rank.link("ranks", ranks, is_output=True)
    pipeline = Pipeline([count, rank], session or Session())
    return Library(pipeline, books, counts, counted, ranks, ranked, seen, count, rank)


def call_main(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, *arguments: str, **options: Any) -> int:
    """Call `main` as a script does, and give the exit status."""
    monkeypatch.setattr(sys, "argv", ["/some/where/main.py", *arguments])
    status = _status_of(lambda: main(pipeline, **options))
    assert status is None or (isinstance(status, int) and status != 0), "main returns where the status is 0"
    return status or 0


def _status_of(call: Callable[[], None]) -> str | int | None:
    try:
        call()
    except SystemExit as request:
        return request.code
    return None


SCRIPT_HEAD = """
    import asyncio
    import sys
    import time

    import pydatatask_cli
    from cli_pipelines import *
"""


def write_script(directory: Path, body: str, name: str = "main.py") -> Path:
    """Write a script whose body sees this module and calls `main(pipeline)`."""
    script = directory / name
    main_block = 'if __name__ == "__main__":\n    pydatatask_cli.main(pipeline)\n'
    script.write_text(textwrap.dedent(SCRIPT_HEAD) + textwrap.dedent(body) + main_block)
    return script


def environment() -> dict[str, str]:
    """Give the environment in which scripts find this module."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONDONTWRITEBYTECODE": "1"}


def run_script(script: Path, *arguments: str, stdin: str | bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a script to its end, with nothing that is a terminal."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, input=data, capture_output=True, env=environment(), cwd=script.parent, timeout=60)
