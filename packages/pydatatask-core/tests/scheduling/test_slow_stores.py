"""Runs over stores that take longer to answer than the timeout of a reconcile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from unittest.mock import patch

import pytest
from core_doubles import Records
from core_tasks import Recording, chain
from typing_extensions import override

from pydatatask_core.errors import DefinitionError, PipelineStuckError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session

LONGER_THAN_THE_TIMEOUT = 0.4


class Slow(Records):
    """Records whose listing is slow."""

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        await asyncio.sleep(LONGER_THAN_THE_TIMEOUT)
        async for job in super().unfiltered_iter():
            yield job


def pipeline(*tasks: Recording) -> Pipeline:
    return Pipeline(tasks, Session(), poll_seconds=(0.001, 0.01), retry_seconds=0.001)


@pytest.mark.requirement("run.until-quiet")
async def test_a_run_ends_although_each_reconcile_goes_on_without_a_slow_store() -> None:
    first, second = Recording("first"), Recording("second")
    first.link("slow", Slow(["a", "b"], name="slow"), is_input=True)
    (_, results) = chain(first, second)
    async with pipeline(first, second) as this:
        await this.run(timeout=10)
    assert sorted(results.data) == ["a", "b"]
    assert sorted(first.launched) == sorted(second.launched) == ["a", "b"]


@pytest.mark.requirement("run.gives-up-launches")
async def test_a_run_gives_up_although_each_reconcile_goes_on_without_a_slow_store() -> None:
    task = Recording("task")
    task.link("slow", Slow(["a"], name="slow"), is_input=True)
    task.failing["launch"] = OSError("no")
    async with pipeline(task) as this:
        with pytest.raises(PipelineStuckError, match="launch of task, job a: no"):
            await this.run(timeout=10)
    assert task.calls["launch"] >= 5


async def test_a_priority_function_that_fails_for_a_slow_store_ends_the_run_as_well() -> None:
    def priority(task: str, job: str) -> int:
        return {"a": 1}[job]

    task = Recording("task")
    task.link("slow", Slow(["b"], name="slow"), is_input=True)
    with patch("pydatatask_core.scheduling.ready_jobs._TIMEOUT_SECONDS_WITH_PRIORITIES", 0.1):
        async with Pipeline([task], Session(), priority=priority, poll_seconds=(0.001, 0.01)) as this:
            with pytest.raises(DefinitionError, match="priority of job b of task task"):
                await this.run(timeout=10)
