"""The records of a task's failures that were read, and when each job may be launched again."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from pydatatask_core.errors import BrokenRecordError, JobNotFoundError
from pydatatask_core.outcomes.records import OutcomeRecord, is_record, read_outcome
from pydatatask_core.repositories.metadata import MetadataRepository

__all__ = ["Clock", "FailureCache", "wall_clock"]

_log = logging.getLogger("pydatatask.task")

_AT_A_TIME = 16

Clock = Callable[[], datetime]
"""Returns the present time, in UTC. It is that of the wall, since the times in records outlive processes."""


wall_clock: Final[Clock] = partial(datetime.now, UTC)
"""Returns the present time. A function would cost as much again as the time itself, for each small job."""


class FailureCache:
    """The records of the failures of one task. The value of a key is read once, when the key is first seen.

    What this process writes is told to the cache. What others write under a known key is not noticed until the record
    is read again, as that of a job is before it is launched.

    :param failures: The repository.
    :param longest_wait: The longest time that a job waits for its next attempt, whatever its record says: a clock may
        have been wrong when it was written.
    :param clock: Tells the time.
    """

    def __init__(self, failures: MetadataRepository, longest_wait: timedelta, clock: Clock) -> None:
        self._failures = failures
        self._longest_wait = longest_wait
        self.clock: Clock = clock
        self._records: dict[str, OutcomeRecord] = {}
        self._due_at: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []
        self._due: set[str] = set()
        self._unsettled: set[str] = set()
        self._ended_waits = 0
        self.version: int = 0
        """How often a record was read, written or forgotten."""

    @property
    def records(self) -> Mapping[str, OutcomeRecord]:
        """The records that were read, by job."""
        return self._records

    @property
    def unsettled(self) -> AbstractSet[str]:
        """The jobs whose records are going to be rewritten, as another attempt has begun or is to be cancelled."""
        return self._unsettled

    def is_final(self, job: str) -> bool:
        """Tell whether a job has failed for good, as far as the records that were read tell.

        :param job: The job.
        """
        record = self._records.get(job)
        return record is not None and record.is_final

    def due(self) -> AbstractSet[str]:
        """Return the jobs that may be launched again now; the set must not be changed."""
        now = self.clock()
        while self._heap and self._heap[0][0] <= now:
            due_at, job = heapq.heappop(self._heap)
            if self._due_at.get(job) == due_at:
                del self._due_at[job]
                self._due.add(job)
                self._ended_waits += 1
        return self._due

    def ended_waits(self) -> int:
        """Return how many waits have ended; with the repository's revision, that tells if other jobs are due.

        A wait also ends when somebody else deletes the record.
        """
        self.due()
        return self._ended_waits

    def waiting(self) -> AbstractSet[str]:
        """Return the jobs that wait for their next attempt."""
        self.due()
        return self._due_at.keys()

    def next_due(self) -> datetime | None:
        """Return when the first of the jobs that wait may be launched again, or None if none waits."""
        self.due()
        while self._heap and self._due_at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def store(self, job: str, record: OutcomeRecord) -> None:
        """Take account of a record that was read or written.

        :param job: The job.
        :param record: Its record.
        """
        self.forget(job)
        self.version += 1
        self._records[job] = record
        if record.end_time is None or record.started is not None:
            self._unsettled.add(job)
        elif record.retry_at is not None:
            due_at = min(record.retry_at, self.clock() + self._longest_wait)
            self._due_at[job] = due_at
            heapq.heappush(self._heap, (due_at, job))

    def forget(self, job: str) -> None:
        """Take account of the deletion of a job's record.

        :param job: The job.
        """
        if self._records.pop(job, None) is not None:
            self.version += 1
        self._due_at.pop(job, None)
        self._due.discard(job)
        self._unsettled.discard(job)

    def _notice_deletion(self, job: str) -> None:
        # A run goes on for the sake of jobs that wait. It may have scanned for ready jobs just before, so a wait that
        # ends unseen would end the run with a job that is ready.
        if job in self._due_at:
            self._ended_waits += 1
        self.forget(job)

    async def update(self, jobs: AbstractSet[str]) -> None:
        """Read the records of new jobs and those that are going to be rewritten, and forget those that are gone.

        :param jobs: All jobs of the repository.
        """
        for job in self._records.keys() - jobs:
            self._notice_deletion(job)
        await self.read((jobs - self._records.keys()) | (self._unsettled & jobs))

    async def read(self, jobs: Iterable[str]) -> None:
        """Read the records of jobs.

        :param jobs: The jobs.
        """
        queue = list(jobs)

        async def work() -> None:
            while queue:
                await self.read_one(queue.pop())

        if len(queue) == 1:
            await work()
        elif queue:
            await asyncio.gather(*(work() for _ in range(min(_AT_A_TIME, len(queue)))))

    async def read_one(self, job: str) -> tuple[OutcomeRecord, Mapping[str, object]] | None:
        """Read the record of a job.

        :param job: The job.
        :returns: The record as it decides what happens, and as it is stored; None if there is none any more.
        """
        stored: object
        try:
            stored = await self._failures.info(job)
        except JobNotFoundError:
            self._notice_deletion(job)
            return None
        except BrokenRecordError as error:
            _log.warning("a failure counts as final, as its record cannot be read: %s", error)
            stored = None
        fields: Mapping[str, object] = stored if is_record(stored) else {}
        if not fields and not await self._failures.contains(job):
            self._notice_deletion(job)  # some repositories have an answer for a job that is not there
            return None
        record = read_outcome(stored)
        self.store(job, record)
        return record, fields
