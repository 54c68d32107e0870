"""A pipeline of files, S3, MongoDB, processes and pods comes to its end, whatever is killed, cut and refused meanwhile.

PYDATATASK_TEST_DISTURBANCES says how often something goes wrong (30 times by default), PYDATATASK_TEST_SEED makes what
goes wrong, and when, that of an earlier run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.chaos.disturbances import draw
from integration.chaos.referee import Referee
from integration.chaos.side_door import SideDoor
from integration.chaos.stagehand import Stagehand
from integration.chaos.supervisor import Supervisor
from integration.chaos.world import open_world
from integration.kube.clusters import TestedCluster
from integration.kube.stub.cluster import StubCluster
from integration.s3_server import S3Server
from integration.seeds import chosen_seed
from integration.server_process import program

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

    from integration.chaos.side_door import Database

DISTURBANCES = int(os.environ.get("PYDATATASK_TEST_DISTURBANCES", "30"))
MOST, LONGEST = 30, 1500
"""How many problems are told, and in how many characters."""


@pytest.mark.requirement("pipeline.restart", "pipeline.failure-contained", "proc.killed-pipeline", "pod.vanished")
@pytest.mark.timeout(300 + 3 * DISTURBANCES)
async def test_whatever_goes_wrong_every_job_is_done_rightly_and_nothing_is_left(
    tmp_path: Path,
    s3_server: S3Server,
    s3_client: S3Client,
    s3_bucket: str,
    mongodb_url: str,
    motor_database: Database,
    stubbed: TestedCluster,
    stub: StubCluster,
) -> None:
    program("flock", "Debian has it in util-linux")
    disturbances = draw(chosen_seed(), DISTURBANCES)
    async with open_world(
        tmp_path / "scene", s3_server, s3_bucket, mongodb_url, motor_database.name, stub, stubbed.app
    ) as world:
        door = SideDoor(world.scene, s3_client, motor_database)
        await door.put_decoys()
        referee = Referee(world, door)
        supervisor = Supervisor(world.scene, referee.after_life)
        stagehand = Stagehand(world, supervisor)
        await stagehand.perform(disturbances)
        world.heal()
        problems = await referee.judge(supervisor, stagehand.texts)
    assert not problems, "\n".join([f"see {tmp_path}:", *(problem[:LONGEST] for problem in problems[:MOST])])
