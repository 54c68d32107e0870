"""The warning about tasks that launch nothing, as their inputs have no job in common."""

from __future__ import annotations

import logging

import pytest
from core_doubles import Records
from core_tasks import SECONDS, Idle, InProcess, Recording

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.scheduling.disjoint_inputs import warn_of_disjoint_inputs
from pydatatask_core.scheduling.listing import Listing
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.task import Task


async def run(*tasks: Task) -> None:
    async with Pipeline(tasks, Session(), poll_seconds=(0.001, 0.01)) as pipeline:
        await pipeline.run(timeout=SECONDS)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def stages(needs_records: bool) -> tuple[InProcess, Recording]:
    """Make a stage that writes three outputs for each of its jobs, and one that takes the outputs."""
    split, count = InProcess("split"), Recording("count")
    split.given("a", "b")
    parts = Records(name="parts")

    async def write(job: str) -> None:
        parts.data |= {f"{job}{number}": None for number in range(3)}

    split.body = write
    split.link("parts", parts)
    count.link("parts", parts, is_input=True)
    if needs_records:
        count.link("split_done", split.done, required_for_start=True)
    return split, count


@pytest.mark.requirement("run.disjoint-inputs")
async def test_a_run_names_the_task_that_launched_nothing_and_what_its_inputs_hold(
    caplog: pytest.LogCaptureFixture,
) -> None:
    split, count = stages(needs_records=True)
    await run(split, count)
    assert count.launched == []
    (warning,) = warnings(caplog)
    assert warning.startswith(
        "task count has launched nothing, since no job is in all the repositories that it requires"
    )
    assert "parts holds a0, a1 and 4 more; split_done holds a, b." in warning
    assert "translator=" in warning


async def test_nothing_is_said_of_jobs_that_were_launched_or_are_done_already(
    caplog: pytest.LogCaptureFixture,
) -> None:
    split, count = stages(needs_records=False)
    await run(split, count)
    assert len(count.launched) == 6
    await run(split, count)
    assert warnings(caplog) == []


@pytest.mark.parametrize(
    ("required", "warns"),
    [
        ([], False),
        (["a"], False),
        (["a", ""], False),
        (["ab", "bc"], False),
        (["a", "b"], True),
        (["ab", "bc", "ca"], True),
    ],
)
async def test_each_has_to_hold_jobs_and_all_of_them_none_in_common(
    required: list[str], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    task = Idle("task")
    for number, jobs in enumerate(required):
        task.link(f"in{number}", Records(jobs), is_input=True)
    await warn_of_disjoint_inputs(Listing(), task)
    assert bool(warnings(caplog)) == warns


async def test_a_task_with_its_own_ready_is_not_examined(caplog: pytest.LogCaptureFixture) -> None:
    task = Idle("task", ready=Records())
    task.link("one", Records("a"), is_input=True)
    task.link("two", Records("b"), is_input=True)
    await warn_of_disjoint_inputs(Listing(), task)
    assert warnings(caplog) == []


async def test_a_store_that_fails_at_the_end_is_logged_and_does_not_fail_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = Idle("task")
    task.link("empty", Records(), is_input=True)
    broken = Records("a", name="broken")
    broken.failing["list"] = OSError("cut off")
    task.link("broken", broken, is_input=True)
    await run(task)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "readiness check of task failed, will be tried again: OSError: cut off"
    ]
