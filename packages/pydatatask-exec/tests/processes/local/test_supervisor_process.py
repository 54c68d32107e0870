"""The states of one supervisor."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from process_doubles import until
from typing_extensions import override

from pydatatask_core.errors import LaunchError
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.local.supervisor_process import TRANSITIONS, SupervisorProcess, SupervisorState


class Recorded(SupervisorProcess):
    """Keeps the states that it has been in."""

    def __init__(self) -> None:
        super().__init__({b"PATH": b"/bin"}, {}, lambda job: None, lambda process: None)
        self.states: list[SupervisorState] = []

    @override
    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "state" and isinstance(value, SupervisorState) and "states" in vars(self):
            self.states.append(value)


def launch(directory: Path) -> Launch:
    return Launch(["true"], str(directory), str(directory / "return_code"), {})


async def test_a_supervisor_goes_through_its_states(tmp_path: Path) -> None:
    process = Recorded()
    assert await process.start(launch(tmp_path), None)
    took_jobs = process.takes_jobs
    process.finish()
    assert (took_jobs, process.takes_jobs) == (True, False)
    await until(lambda: process.states[-1] is SupervisorState.GONE)
    assert process.states == [
        SupervisorState.STARTING,
        SupervisorState.GREETING,
        SupervisorState.SERVING,
        SupervisorState.FINISHING,
        SupervisorState.ENDING,
        SupervisorState.GONE,
    ]


async def test_one_that_is_never_used_is_gone_at_once() -> None:
    process = Recorded()
    process.finish()
    assert process.states == [SupervisorState.GONE]
    assert process.pid is None


async def test_one_that_cannot_be_started_is_started_by_the_next_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Recorded()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "")
        with pytest.raises(LaunchError):
            await process.start(launch(tmp_path), None)
    assert process.states == [SupervisorState.STARTING, SupervisorState.UNSTARTED]
    assert len(process) == 0
    assert await process.start(launch(tmp_path), None)
    process.finish()
    await until(lambda: process.states[-1] is SupervisorState.GONE)


def test_every_state_is_reached_and_the_last_is_final() -> None:
    assert {SupervisorState.UNSTARTED, *TRANSITIONS.values()} == set(SupervisorState)
    assert {before for before, _ in TRANSITIONS} == set(SupervisorState) - {SupervisorState.GONE}
