"""Two controllers of one pipeline of pods race for every pod, from its creation to its deletion."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter

import pytest

from integration.kube.stages import Stage
from integration.kube.stub.cluster import StubCluster
from pydatatask_core import Pipeline

JOBS = int(os.environ.get("PYDATATASK_TEST_POD_JOBS", "40"))

_DELETION_SECONDS = 0.05
"""How long a deletion takes, so that both controllers delete most pods at a time, as on a real API server."""


@pytest.mark.timeout(300)
@pytest.mark.requirement("pipeline.one-process-pods", "pod.ghost")
async def test_two_controllers_do_each_job_once_and_both_come_to_their_end(
    stub_stage: Stage, stub: StubCluster
) -> None:
    stub.faults.delays["delete"] = _DELETION_SECONDS
    jobs = {f"j{number}" for number in range(JOBS)}
    pipelines: list[Pipeline] = [stub_stage.task(stub_stage.shell("", life="quick"), jobs)[1] for _ in range(2)]
    begin = time.monotonic()
    async with pipelines[0], pipelines[1]:
        await asyncio.gather(*(pipeline.run(timeout=240) for pipeline in pipelines))
        seconds = time.monotonic() - begin
        live = [await task.links["live"].repo.keys() for pipeline in pipelines for task in pipeline.tasks.values()]
    lost = stub.writer.lost_races
    sys.stdout.write(f"{JOBS} jobs (PYDATATASK_TEST_POD_JOBS) in {seconds:.1f} s, {lost} deletions lost their race\n")
    assert live == [set(), set()]
    assert set(stub_stage.done.data) == set(stub_stage.logs.data) == jobs
    assert {record["reason"] for record in stub_stage.done.data.values()} == {"Succeeded"}
    added = Counter(event.pod["metadata"]["labels"]["job"] for event in stub.store.history if event.kind == "ADDED")
    assert added == dict.fromkeys(jobs, 1)
    assert stub.store.pods == {}
    assert lost > 0
