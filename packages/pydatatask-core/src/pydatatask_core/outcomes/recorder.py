"""Record how jobs have ended, in an order that a crash between any two steps leaves repairable.

A success is written to ``done``, then the record of earlier failures is deleted; a failure is written to ``failures``,
then a success that it supersedes is deleted. The caller gives up the job's claim after that. So a job that is in both
repositories is one whose controller has died in between; :mod:`pydatatask_core.outcomes.repair` resolves it, and until
then nothing downstream starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.outcomes.claims import CLAIMS
from pydatatask_core.outcomes.failure_cache import Clock, FailureCache, wall_clock
from pydatatask_core.outcomes.final_failures import FinalFailures
from pydatatask_core.outcomes.held_back import HeldBack
from pydatatask_core.outcomes.job_failure import CANCELLED, JobFailure
from pydatatask_core.outcomes.launch_origin import SchedulerWorker, scheduler_worker
from pydatatask_core.outcomes.records import OutcomeRecord, read_outcome
from pydatatask_core.outcomes.retry_decision import decide, earlier_attempts
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.repositories.metadata import MetadataRepository

__all__ = ["Attempt", "Outcomes"]


@dataclass
class Attempt:
    """One attempt of a job."""

    number: int
    """Its number, counted from 1."""

    claim: str
    """What distinguishes it from other attempts: the identity of its process, the uid of its pod, or a random text."""

    interruptions: int = 0
    """How many attempts before it were free."""

    earlier: list[Mapping[str, object]] | None = None
    """The attempts before it, in short; None if the job has not failed before."""

    is_recorded: bool = False
    """Whether its outcome has been recorded already, as another controller or an earlier step has done that."""

    is_superseded: bool = False
    """Whether a later attempt of its job has ended as well, so that nothing must be recorded about this one."""

    is_cancelled: bool = False
    """Whether its cancellation has been requested."""

    may_be_done: bool = False
    """Whether ``done`` may contain the job, as it was launched by force."""

    previous: Mapping[str, object] | None = None
    """The record of the failure before it, as the store gave it, if there was one."""


class Outcomes:
    """Where the outcomes of the jobs of one task are recorded.

    :param task: The task's name.
    :param done: The repository of successes.
    :param failures: The repository of failures.
    :param retry: What is tried again, or None.
    :param clock: Tells the time.
    """

    def __init__(
        self,
        task: str,
        done: MetadataRepository,
        failures: MetadataRepository,
        retry: Retry | None,
        clock: Clock = wall_clock,
    ) -> None:
        self.task: str = task
        self.done: MetadataRepository = done
        self.failures: MetadataRepository = failures
        self.retry: Retry | None = retry
        self.cache: FailureCache = FailureCache(failures, retry.max_delay if retry else timedelta(0), clock)
        self.held_back: HeldBack = HeldBack(failures, self.cache)
        self.final: FinalFailures = FinalFailures(failures, self.cache)
        self.in_flight: dict[str, Attempt] = {}
        """The attempts whose claims live in the memory of this process, except :attr:`first`."""
        self.first: dict[str, SchedulerWorker | None] = {}
        """The first attempts of jobs that the scheduler runs in this process, as :meth:`track_first` describes."""

    @property
    def clock(self) -> Clock:
        """What tells the time."""
        return self.cache.clock

    # Before a launch

    async def begin(self, job: str) -> Attempt | None:
        """Begin an attempt of a job whose claim lives in the memory of this process; call :meth:`end` after it.

        That another attempt of a failed job has begun is recorded, so that a crash counts as an interruption. The first
        attempt of a job leaves no trace if this process dies.

        :param job: The job.
        :returns: The attempt; None if the job must wait, or has failed for good meanwhile.
        """
        attempt = await self.next_attempt(job, CLAIMS.next())
        if attempt is None:
            return None
        self.in_flight[job] = attempt
        if attempt.earlier is not None:
            try:
                await self._write(job, {**attempt.earlier[-1], **_started(attempt, self.clock())})
            except BaseException:
                del self.in_flight[job]
                raise
        return attempt

    def track_first(self, job: str) -> Attempt:
        """Turn a first attempt that was begun by putting the job into :attr:`first` into one of :meth:`begin`.

        Most jobs succeed at once. Whoever launches them for the scheduler may put a job into :attr:`first`, with the
        worker that runs it, or None once it has ended; write its success with :attr:`claim_of_first`; and take it out
        again. Nothing else has to be written or kept for it, which makes an attempt almost free.

        :param job: The job.
        """
        del self.first[job]
        attempt = self.in_flight[job] = Attempt(1, CLAIMS.of_first)
        return attempt

    def claims(self) -> Mapping[str, str | None]:
        """Return the jobs that are in flight in this process, each with its claim."""
        claims = {job: attempt.claim for job, attempt in self.in_flight.items()}
        return {**dict.fromkeys(self.first, CLAIMS.of_first), **claims} if self.first else claims

    def end(self, job: str) -> None:
        """End an attempt that :meth:`begin` has begun.

        :param job: The job.
        """
        self.in_flight.pop(job, None)

    def number_of(self, job: str) -> int:
        """Return the number of an attempt that :meth:`begin` has begun; 1 if there is none.

        :param job: The job.
        """
        attempt = self.in_flight.get(job)
        return 1 if attempt is None else attempt.number

    async def withdraw(self, job: str, attempt: Attempt) -> None:
        """End an attempt that :meth:`begin` has begun, and let it not count, as it says nothing about the job.

        :param job: The job.
        :param attempt: The attempt.
        """
        try:
            if attempt.previous is not None:
                known = await self.cache.read_one(job)
                # A request to cancel may have taken the place of the record; it stays.
                if known is not None and known[0].started is not None and known[0].claim == attempt.claim:
                    await self._write(job, attempt.previous)
        finally:
            if self.in_flight.get(job) is attempt:
                self.end(job)

    async def next_attempt(self, job: str, claim: str) -> Attempt | None:
        """Return the attempt that a launch begins.

        :param job: The job.
        :param claim: Its claim.
        :returns: The attempt; None if the job must wait, or has failed for good meanwhile. What is launched by hand
            never waits.
        """
        forced = scheduler_worker.get() is None
        if not forced and job not in self.cache.records:
            return Attempt(1, claim)  # the scheduler has just seen that the job is not among the failures
        known = await self.cache.read_one(job)
        if not forced and known is not None and job not in self.cache.due():
            return None
        done = await self._success(job) if forced else OutcomeRecord()
        return self._following(known, done.attempt, claim, may_be_done=forced)

    # After the end of an attempt

    async def attempt_of(self, job: str, claim: str) -> Attempt:
        """Return the attempt of a job whose claim is kept elsewhere, such as a process or a pod.

        :param job: The job, which has ended.
        :param claim: The claim.
        """
        known = await self.cache.read_one(job) if await self.failures.contains(job) else None
        record = None if known is None else known[0]
        # A request without a claim comes from a process that could not know it, and is about whatever ran at the time.
        is_named = record is not None and record.claim in ((claim, None) if record.is_request else (claim,))
        if record is None or not is_named:
            done = await self._success(job)
            if done.claim != claim:
                # Another controller may have recorded this attempt, and launched and recorded a later one since.
                number = (record or done).earlier_number(claim) or done.earlier_number(claim)
                if number is not None:
                    return Attempt(number, claim, is_recorded=True, is_superseded=True)
                return self._following(known, done.attempt, claim, may_be_done=True)
            record = done
        return Attempt(
            record.attempt,
            claim,
            record.interruptions,
            list(record.earlier),
            is_recorded=record.end_time is not None,
            is_cancelled=record.is_request,
            may_be_done=True,
        )

    async def succeed(self, job: str, record: Mapping[str, object], attempt: Attempt) -> None:
        """Record the success of a job; a success that has been recorded is recorded again.

        :param job: The job.
        :param record: The record of its type of task.
        :param attempt: The attempt that has succeeded; nothing is done about a superseded one.
        """
        if attempt.is_superseded:
            return
        fields: dict[str, object] = {"attempt": attempt.number, "claim": attempt.claim}
        if attempt.earlier:
            fields["earlier"] = attempt.earlier
        await self.done.dump(job, {**record, **fields})
        if attempt.earlier is not None or attempt.is_recorded or attempt.is_cancelled:
            await self.failures.delete(job)
            self.cache.forget(job)

    async def fail(
        self, job: str, record: Mapping[str, object], failure: JobFailure, attempt: Attempt
    ) -> OutcomeRecord:
        """Record the failure of a job, and decide whether it is tried again.

        :param job: The job.
        :param record: The record of its type of task, with ``start_time`` and ``end_time``.
        :param failure: The failure.
        :param attempt: The attempt that has failed; nothing is done about a superseded one.
        :returns: What has been recorded.
        """
        if attempt.is_superseded:
            return OutcomeRecord(attempt.number, kind=failure.kind, summary=failure.summary, claim=attempt.claim)
        if not attempt.is_recorded:
            ended = read_outcome(record).end_time or self.clock()
            decision = decide(
                self.retry,
                CANCELLED if attempt.is_cancelled else failure,
                subject=f"{self.task}\0{job}",
                attempt=attempt.number,
                interruptions=attempt.interruptions,
                ended=ended,
            )
            fields = {**record, **decision, "claim": attempt.claim}
            if attempt.earlier:
                fields["earlier"] = attempt.earlier
            await self._write(job, fields)
        if attempt.may_be_done and await self.done.contains(job):
            await self.done.delete(job)
        return self.cache.records[job]

    # Cancellation

    async def request_cancellation(self, job: str, claim: str | None) -> None:
        """Request the cancellation of a live job; whatever controls it finds the request, in this process or another.

        Nothing happens if the claim is that of a success.

        :param job: The job.
        :param claim: The claim of the attempt, or None if it is known only to the process that runs it.
        """
        done = await self._success(job)
        if claim is not None and done.claim == claim:
            return
        known = await self.cache.read_one(job) if await self.failures.contains(job) else None
        fields: dict[str, object] = {"kind": CANCELLED.kind, "summary": CANCELLED.summary, "claim": claim}
        if known is not None and (known[0].started is not None or (claim is not None and known[0].claim == claim)):
            record = known[0]
            fields |= {"attempt": record.attempt, "interruptions": record.interruptions, "claim": record.claim}
            earlier = list(record.earlier)
        else:
            attempt = self._following(known, done.attempt, "", may_be_done=True)
            fields |= {"attempt": attempt.number, "interruptions": attempt.interruptions}
            earlier = attempt.earlier or []
        await self._write(job, {**fields, "earlier": earlier} if earlier else fields)

    async def cancellations(self, live: Mapping[str, str | None]) -> AbstractSet[str]:
        """Return the live jobs whose cancellation has been requested.

        :param live: The live jobs that the caller controls, each with its claim, or None if that is not known.
        """
        requested: set[str] = set()
        # The last look has read the keys. A request may stand in the place of a record that was read before.
        for job in live.keys() & self.cache.records.keys():
            known = await self.cache.read_one(job)
            if known is not None and known[0].is_request and known[0].claim in (None, live[job]):
                requested.add(job)
        return requested

    async def _write(self, job: str, record: Mapping[str, object]) -> None:
        await self.failures.dump(job, dict(record))
        self.cache.store(job, read_outcome(record))

    @staticmethod
    def _following(
        known: tuple[OutcomeRecord, Mapping[str, object]] | None, done: int, claim: str, *, may_be_done: bool
    ) -> Attempt:
        """Return the attempt after those that are recorded; ``done`` is the number of the one that has succeeded."""
        if known is None:
            return Attempt(done + 1, claim, may_be_done=may_be_done)
        before, stored = known
        return Attempt(
            max(before.attempt, done) + 1,
            claim,
            before.interruptions,
            earlier_attempts(before, stored),
            may_be_done=may_be_done,
            previous=stored,
        )

    async def _success(self, job: str) -> OutcomeRecord:
        """Return the record of a job's success, or that of no attempt."""
        if not await self.done.contains(job):
            return OutcomeRecord()
        try:
            return read_outcome(await self.done.info(job))
        except JobNotFoundError:
            return OutcomeRecord()


def _started(attempt: Attempt, now: datetime) -> dict[str, object]:
    """Return the fields of the record of an attempt that runs in this process."""
    return {
        "attempt": attempt.number,
        "interruptions": attempt.interruptions,
        "claim": attempt.claim,
        "started": now,
        "earlier": attempt.earlier,
    }
