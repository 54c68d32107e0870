"""A pipeline of two tasks of which the first records failures, over files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import yaml  # noqa: F401  # before an event loop runs: an import in a thread would block another one in the loop
from cli_pipelines import Flaky

from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_storage import InProcessMetadataRepository, YamlMetadataFileRepository, outcome_files

__all__ = ["BAD", "LATER", "SCRIPT", "SOON", "Chain", "chain"]

BAD = ("b1", "b2")
SOON = Retry(attempts=3, delay=timedelta(milliseconds=5), jitter=0.0)
LATER = Retry(attempts=3, delay=timedelta(hours=1), max_delay=timedelta(hours=1), jitter=0.0)


@dataclass
class Chain:
    """The tasks ``a`` and ``b``, which is plugged into it; the jobs in ``bad`` fail."""

    pipeline: Pipeline
    a: Flaky
    b: Flaky
    done: YamlMetadataFileRepository
    failures: YamlMetadataFileRepository
    bad: dict[str, int]
    """How often each job fails."""

    ran: list[str]


def chain(
    directory: Path, *jobs: str, bad: tuple[str, ...] = BAD, times: int = 100, retry: Retry | None = None
) -> Chain:
    """Make the pipeline."""
    done, failures = outcome_files(directory / "a")
    texts = InProcessMetadataRepository(dict.fromkeys(jobs or ("b1", "b2", "ok"), 1))
    made = InProcessMetadataRepository()
    fails = dict.fromkeys(bad, times)
    ran: list[str] = []

    async def work(job: str, attempt: int) -> None:
        ran.append(f"a {job} {attempt}")
        if attempt <= fails.get(job, 0):
            raise ValueError(f"{job} is\nbad")
        await made.dump(job, 1)

    async def follow(job: str, attempt: int) -> None:
        ran.append(f"b {job}")

    a = Flaky("a", done, failures, work, retry)
    a.link("texts", texts, is_input=True)
    a.link("made", made, is_output=True)
    b = Flaky("b", *outcome_files(directory / "b"), follow)
    b.plug(a)
    return Chain(Pipeline([a, b], Session(), poll_seconds=(0.01, 0.05)), a, b, done, failures, fails, ran)


SCRIPT = """
    from pathlib import Path
    from cli_outcomes import *
    made = chain(Path("state"))
    pipeline = made.pipeline
"""
