"""Finish what the end of a controller has cut off: a job in both repositories, or an attempt that nobody runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping
from collections.abc import Set as AbstractSet

from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.outcomes.claims import is_held_elsewhere
from pydatatask_core.outcomes.job_failure import CANCELLED, JobFailure
from pydatatask_core.outcomes.recorder import Attempt, Outcomes
from pydatatask_core.outcomes.records import OutcomeRecord, read_outcome

__all__ = ["OutcomeRepair"]

_log = logging.getLogger("pydatatask.task")

_INTERRUPTED = JobFailure("interrupted", "the process that ran it ended, or was killed, before the job did")


class OutcomeRepair:
    """Repairs the outcomes of one task.

    A job is repaired if it is unsettled in the same way, and not live, at two looks in a row: what another controller
    is about to do needs time. One that another process of this machine runs in its memory is left alone.

    :param outcomes: The outcomes of the task.
    :param live: Returns those of some jobs that are live.
    """

    def __init__(self, outcomes: Outcomes, live: Callable[[AbstractSet[str]], Awaitable[AbstractSet[str]]]) -> None:
        self._outcomes = outcomes
        self._live = live
        self._suspects: dict[str, OutcomeRecord] = {}
        self._seen: Hashable | None = None
        self._empty: Hashable | None = None  # the revision of the failures that has none

    @property
    def has_suspects(self) -> bool:
        """Whether the last look has found jobs that the next one may have to repair."""
        return bool(self._suspects)

    async def look(self) -> AbstractSet[str]:
        """Look for unsettled jobs, and repair those that the last look has found as well.

        :returns: The jobs whose records have changed.
        """
        token = await self._token()
        if token is not None and token == self._seen and not self._suspects:
            return frozenset()
        outcomes, cache = self._outcomes, self._outcomes.cache
        failed = await outcomes.failures.keys()
        self._empty = None if failed or token is None else token[0]
        await cache.update(failed)
        unsettled = (await outcomes.done.contained(failed) if failed else set[str]()) | cache.unsettled
        unsettled = unsettled - outcomes.claims().keys()
        if unsettled:
            unsettled = unsettled - await self._live(unsettled)
        records = {job: cache.records[job] for job in unsettled if job in cache.records}
        suspects = await asyncio.to_thread(_not_held, records) if records else {}  # it reads files
        before, self._suspects = self._suspects, suspects
        repaired = {job for job, record in suspects.items() if before.get(job) == record}
        for job in repaired:
            await self._repair(job, suspects[job])
            del self._suspects[job]
        self._seen = token if not repaired else None
        return repaired

    async def _token(self) -> tuple[Hashable, ...] | None:
        outcomes = self._outcomes
        if outcomes.cache.unsettled:
            return None
        failures = await outcomes.failures.revision()
        if failures is not None and failures == self._empty:
            return (failures,)  # whatever succeeds is in one repository only, and most runs have no failures for long
        tokens = failures, await outcomes.done.revision()
        return None if None in tokens else tokens

    async def _repair(self, job: str, record: OutcomeRecord) -> None:
        outcomes = self._outcomes
        if await outcomes.done.contains(job):
            await self._keep_later(job, record)
        elif record.started is not None or record.is_request:
            failure = CANCELLED if record.is_request else _INTERRUPTED
            attempt = Attempt(record.attempt, record.claim or "", record.interruptions, list(record.earlier))
            end = {"start_time": record.started, "end_time": outcomes.clock()}
            recorded = await outcomes.fail(job, end, failure, attempt)
            _log.warning("task %s, job %s: %s; %s", outcomes.task, job, failure.summary, recorded.next_step)

    async def _keep_later(self, job: str, record: OutcomeRecord) -> None:
        """Keep the record of the later attempt of a job that has both."""
        outcomes = self._outcomes
        try:
            done = read_outcome(await outcomes.done.info(job))
        except JobNotFoundError:
            return
        # A request that names no claim may have come just after the success of the attempt that it is about.
        is_late_request = record.is_request and record.claim in (None, done.claim)
        if record.attempt > done.attempt and not is_late_request:
            await outcomes.done.delete(job)
        else:
            await outcomes.failures.delete(job)
            outcomes.cache.forget(job)


def _not_held(records: Mapping[str, OutcomeRecord]) -> dict[str, OutcomeRecord]:
    return {job: record for job, record in records.items() if not is_held_elsewhere(record.claim)}
