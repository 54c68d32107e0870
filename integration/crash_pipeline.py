"""A pipeline that is run as a program of its own, so that it can be killed: all its state is in files.

Each job appends a line to a log when it starts and when it ends, and copies its input to its output.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import AbstractProcessManager, LocalLinuxManager, ProcessTask
from pydatatask_storage import FileRepository, YamlMetadataFileRepository

if TYPE_CHECKING:
    from collections.abc import Callable

AT_A_TIME = 8

SCRIPT = """#!/bin/sh
echo "start {{{{job}}}} $$" >> {log}
cat
sleep {seconds}
echo "end {{{{job}}}} $$" >> {log}
exit 7
"""


@dataclass(frozen=True)
class Scene:
    """Where everything is, and how the jobs go."""

    directory: str
    seconds: float
    ssh_port: int | None = None
    ssh_user: str = ""
    ssh_key: str = ""

    @property
    def log(self) -> Path:
        return Path(self.directory) / "log"

    @property
    def targets(self) -> Path:
        return Path(self.directory) / "targets"

    def repository(self, name: str) -> FileRepository:
        return FileRepository(Path(self.directory) / name)

    def records(self, name: str) -> YamlMetadataFileRepository:
        return YamlMetadataFileRepository(Path(self.directory) / name)

    def argv(self) -> list[str]:
        """The command line that runs the pipeline."""
        return [sys.executable, "-m", "integration.crash_pipeline", json.dumps(asdict(self))]


def make_manager(scene: Scene, session: Session) -> Callable[[], AbstractProcessManager]:
    """The manager that the scene asks for."""
    if scene.ssh_port is None:
        local = LocalLinuxManager("app", scene.targets)
        return lambda: local

    import asyncssh

    from pydatatask_exec import SSHLinuxManager

    @session.resource
    async def ssh() -> AsyncGenerator[asyncssh.SSHClientConnection, None]:
        async with asyncssh.connect(
            "127.0.0.1", scene.ssh_port or 0, username=scene.ssh_user, client_keys=[scene.ssh_key], known_hosts=None
        ) as connection:
            yield connection

    remote = SSHLinuxManager("app", ssh, scene.targets)
    return lambda: remote


def make_pipeline(scene: Scene) -> Pipeline:
    """The pipeline; whoever makes it again finds what the one before has left."""
    session = Session()
    quota = ResourceManager(Resources.parse(AT_A_TIME, AT_A_TIME))
    task = ProcessTask(
        "work",
        make_manager(scene, session),
        quota,
        Resources.parse(1, 1),
        scene.records("pids"),
        SCRIPT.format(log=scene.log, seconds=scene.seconds),
        done=scene.records("done"),
        stdin=scene.repository("stdin"),
        stdout=scene.repository("stdout"),
    )
    return Pipeline([task], session, [quota])


async def main(scene: Scene) -> None:
    """Run all jobs to their end."""
    async with make_pipeline(scene) as pipeline:
        await pipeline.run(timeout=600)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(Scene(**json.loads(sys.argv[1]))))
