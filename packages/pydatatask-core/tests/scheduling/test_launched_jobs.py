"""The switch that ends launches, and which jobs must not be launched again."""

from __future__ import annotations

import pytest
from core_tasks import Idle

from pydatatask_core.quotas.launch_offers import Offer
from pydatatask_core.quotas.resources import ResourceType
from pydatatask_core.scheduling.launched_jobs import LaunchedJobs, LaunchSwitch
from pydatatask_core.tasks.task import Task


def test_turning_off_calls_back_when_it_changes_something_and_only_then() -> None:
    switch, calls = LaunchSwitch(), list[tuple[bool, bool]]()
    switch.on_off = lambda: calls.append((switch.is_on, switch.leaves_running))
    switch.turn_off()
    switch.turn_off()
    assert calls == [(False, False)]
    switch.turn_off(leave_running=True)
    switch.turn_off()
    switch.turn_off(leave_running=True)
    assert calls == [(False, False), (False, True)]
    switch.turn_on()
    assert (switch.is_on, switch.leaves_running) == (True, False)


@pytest.mark.requirement("run.launch-once")
@pytest.mark.parametrize("launch_once", [True, False])
@pytest.mark.parametrize("metadata", [True, False])
async def test_a_job_is_launched_again_unless_no_record_keeps_it_from_that(launch_once: bool, metadata: bool) -> None:
    task, failing = Idle("task"), {"failed"}
    task.metadata = metadata
    jobs = LaunchedJobs(launch_once, lambda _, job: job in failing, LaunchSwitch())

    async def launch(task: Task, job: str, offer: Offer | None) -> None:
        if job == "refused":
            assert offer is not None
            offer.refused = ResourceType.CPU

    ready = {"here", "elsewhere", "refused", "failed"}
    assert jobs.exclude(task, ready) == ready
    tracking = jobs.tracking(launch, [Idle("other"), task])
    for job in ready:
        await tracking(task, job, None if job == "here" else Offer(task.name, job, 0, {}, None))
    again = ready if metadata and not launch_once else {"refused", "failed"}
    assert jobs.exclude(task, ready | {"later"}) == again | (set() if launch_once else {"later"})


def test_nothing_is_launched_once_the_switch_is_off() -> None:
    switch = LaunchSwitch()
    jobs = LaunchedJobs(False, lambda task, job: False, switch)
    assert jobs.exclude(Idle("task"), {"a"}) == {"a"}
    switch.turn_off()
    assert jobs.exclude(Idle("task"), {"a"}) == set()
