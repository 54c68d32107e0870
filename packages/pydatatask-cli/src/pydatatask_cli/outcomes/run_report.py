"""What a run has done: how many jobs ran, which failed, and what that blocks."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Final, NamedTuple

from pydatatask_cli.outcomes.blocked_notes import count_blocked
from pydatatask_cli.reasons import reason
from pydatatask_cli.terminal.plain_text import counted, one_line
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.tasks.task import FailureListener, Task

__all__ = ["RunReport", "Summary"]

_SHOWN: Final = 10


class Summary(NamedTuple):
    """The summary of a run."""

    has_failures: bool
    """Whether a job has failed, in this run or before."""

    lines: Sequence[str]
    """What to tell; empty if nothing has happened."""


class _Failed(NamedTuple):
    task: str
    job: str


class RunReport:
    """Counts the jobs that fail in a run.

    :param pipeline: The pipeline, open.
    :param fail_fast: Whether to launch nothing more once a job has failed for good.
    """

    def __init__(self, pipeline: Pipeline, fail_fast: bool) -> None:
        self._pipeline = pipeline
        self._fail_fast = fail_fast
        self._began = time.monotonic()
        self._launched = pipeline.launched
        self._attempts = 0
        self._failed: dict[_Failed, str] = {}
        self._by_task: dict[str, set[str]] = {name: set() for name in pipeline.tasks}

    @contextmanager
    def listening(self) -> Generator[None, None, None]:
        """Take note of the jobs that fail during a block."""
        before = [(task, task.failure_listener) for task in self._pipeline.tasks.values()]
        for task, listener in before:
            task.failure_listener = self._listener(task, listener)
        try:
            yield
        finally:
            for task, listener in before:
                task.failure_listener = listener

    def _listener(self, task: Task, before: FailureListener | None) -> FailureListener:
        def failed(job: str, error: BaseException) -> None:
            if before is not None:
                before(job, error)
            self._attempts += 1
            # Errors keep their frames alive, so only a few texts are kept: those that may be shown.
            text = one_line(reason(error)) if len(self._failed) < _SHOWN else ""
            self._failed.setdefault(_Failed(task.name, job), text)
            self._by_task[task.name].add(job)
            if self._fail_fast and (task.outcomes is None or task.outcomes.cache.is_final(job)):
                self._pipeline.stop_launching()

        return failed

    def failed_in_run(self, task: Task) -> AbstractSet[str]:
        """Return the jobs of a task that have failed in this run at least once; the set must not be changed.

        :param task: The task.
        """
        return self._by_task[task.name]

    async def summary(self) -> Summary:
        """Return the summary of the run, which has ended."""
        tasks = self._pipeline.tasks
        seconds = time.monotonic() - self._began
        final = {_Failed(task, job) for task, jobs in (await self._pipeline.failures()).items() for job in sorted(jobs)}
        waiting = {
            _Failed(name, job)
            for name, task in tasks.items()
            if task.outcomes is not None
            for job in task.outcomes.cache.waiting()
        }
        unrecorded = {failed for failed in self._failed if tasks[failed.task].outcomes is None}
        in_run = (final & self._failed.keys()) | unrecorded
        before = final - in_run
        # An attempt that was followed by another one, successful or not, was no job of its own.
        repeated = self._attempts - len(in_run) - len(waiting & self._failed.keys())
        run = max(self._pipeline.launched - self._launched - max(repeated, 0), 0)
        if not (run or in_run or before or waiting):
            return Summary(False, ())
        blocked = sum((await count_blocked(self._pipeline)).values()) if final else 0
        counts = [
            f"{len(in_run)} failed" if in_run else "",
            f"{len(before)} failed in an earlier run" if before else "",
            f"{len(waiting)} to be tried again" if waiting else "",
            f"{blocked} blocked by failures" if blocked else "",
        ]
        told = ", ".join(filter(None, counts)) or "none failed"
        head = f"{counted(run, 'job')} run in {seconds:.1f} s: {told}"
        shown = [*(failed for failed in self._failed if failed in in_run), *sorted(before)]
        return Summary(bool(in_run or before or waiting), (head, *self._details(shown)))

    def _details(self, failed: Sequence[_Failed]) -> list[str]:
        lines = [f"job {each.job} of {each.task}: {self._reason(each)}" for each in failed[:_SHOWN]]
        if len(failed) > _SHOWN:
            lines.append(f"and {len(failed) - _SHOWN} more")
        recorded: Mapping[str, None] = {
            each.task: None for each in failed if self._pipeline.tasks[each.task].outcomes is not None
        }
        if recorded:
            retries = ", ".join(f"retry {task} --all" for task in recorded)
            lines.append(f"to list all with their reasons: failures; to start them again: {retries}")
        return lines

    def _reason(self, failed: _Failed) -> str:
        outcomes = self._pipeline.tasks[failed.task].outcomes
        record = None if outcomes is None else outcomes.cache.records.get(failed.job)
        if record is None:
            return self._failed.get(failed) or "it has failed"
        return f"{record.kind or 'failed'}, attempt {record.attempt}: {one_line(record.summary)}"
