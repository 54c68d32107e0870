"""The phases of a job that a supervisor runs."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from process_doubles import until

from pydatatask_exec.processes.local.supervised_job import (
    TRANSITIONS,
    JobPhase,
    NotExclusiveError,
    SupervisedJob,
    SupervisorLostError,
)
from pydatatask_exec.processes.local.supervisor_connection import Answer, AnswerKind


def requested() -> tuple[SupervisedJob, asyncio.Future[str | None]]:
    started: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    return SupervisedJob(started), started


def answer(kind: AnswerKind) -> Answer:
    return Answer(kind, "1", {AnswerKind.STARTED: "1:2.00:boot", AnswerKind.FAILED: "13"}.get(kind, ""))


@pytest.mark.parametrize("kinds", list(itertools.product(AnswerKind, repeat=2)))
async def test_every_pair_of_answers_follows_the_table_or_is_refused(kinds: tuple[AnswerKind, ...]) -> None:
    job, started = requested()
    for kind in kinds:
        before = job.phase
        if (before, kind) in TRANSITIONS:
            job.receive(answer(kind))
            assert job.phase is TRANSITIONS[before, kind]
        else:
            with pytest.raises(KeyError):
                job.receive(answer(kind))
            assert job.phase is before
    if started.done():
        started.exception()


def test_what_has_ended_or_was_refused_stays_so() -> None:
    assert {before for before, _ in TRANSITIONS} == {JobPhase.REQUESTED, JobPhase.RUNNING}
    assert set(TRANSITIONS.values()) == set(JobPhase) - {JobPhase.REQUESTED}


async def test_who_asked_gets_the_process_identifier() -> None:
    job, started = requested()
    job.receive(answer(AnswerKind.STARTED))
    assert await started == job.pid == "1:2.00:boot"


async def test_who_asked_learns_why_nothing_was_started() -> None:
    for kind, error in (
        (AnswerKind.FAILED, PermissionError),
        (AnswerKind.NOT_EXCLUSIVE, NotExclusiveError),
        (AnswerKind.CRASHED, SupervisorLostError),
    ):
        job, started = requested()
        job.receive(answer(kind))
        with pytest.raises(error):
            await started
    job, started = requested()
    job.receive(answer(AnswerKind.LOST))
    assert await started is None


async def test_watchers_are_notified_of_the_end_once_before_or_after_it() -> None:
    job, _ = requested()
    job.receive(answer(AnswerKind.STARTED))
    notified: list[str] = []
    job.watch(lambda: notified.append("before"))
    assert notified == []
    job.lose()
    assert notified == ["before"]
    job.watch(lambda: notified.append("after"))
    await until(lambda: notified == ["before", "after"])


async def test_a_job_whose_launch_was_cancelled_is_kept_for_nobody() -> None:
    job, started = requested()
    started.cancel()
    job.receive(answer(AnswerKind.STARTED))
    assert job.is_watched
