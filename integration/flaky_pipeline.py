"""A pipeline of jobs of which a fifth fails, run as a program of its own, so that it can be killed.

Each attempt appends lines to a log when it starts and when it ends. Which attempts fail follows from the job and the
number of the attempt, so that a test knows what has to come out.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import zlib
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from pydatatask_core import Pipeline, ResourceManager, Resources, Retry, Session
from pydatatask_exec import LocalLinuxManager, ProcessTask
from pydatatask_storage import FileRepository, YamlMetadataFileRepository

ATTEMPTS = 5
AT_A_TIME = 8

SCRIPT = """#!/bin/sh
echo "start {{{{job}}}} {{{{attempt}}}}" >> {log}
sleep {seconds}
echo "output of {{{{attempt}}}}"
echo "end {{{{job}}}} {{{{attempt}}}}" >> {log}
case " {{{{inputs.failing}}}} " in *" {{{{attempt}}}} "*) exit 1 ;; esac
"""


def fails(job: str, attempt: int) -> bool:
    """Whether an attempt of a job fails, as every fifth does, and all of every hundredth job."""
    return job.endswith("00") or zlib.crc32(f"{job} {attempt}".encode()) % 5 == 0


def last_attempt(job: str) -> int:
    """The number of the attempt that succeeds, or the last one if none does."""
    return next((attempt for attempt in range(1, ATTEMPTS) if not fails(job, attempt)), ATTEMPTS)


@dataclass(frozen=True)
class FlakyScene:
    """Where everything is, and how long the jobs take."""

    directory: str
    seconds: float

    @property
    def log(self) -> Path:
        return Path(self.directory) / "log"

    def records(self, name: str) -> YamlMetadataFileRepository:
        return YamlMetadataFileRepository(Path(self.directory) / name)

    async def fill(self, jobs: list[str]) -> None:
        """Give each job an input."""
        inputs = self.records("inputs")
        await inputs.validate()
        for job in jobs:
            failing = [str(attempt) for attempt in range(1, ATTEMPTS + 1) if fails(job, attempt)]
            await inputs.dump(job, {"failing": " ".join(failing)})

    def argv(self) -> list[str]:
        """The command line that runs the pipeline."""
        return [sys.executable, "-m", "integration.flaky_pipeline", json.dumps(asdict(self))]

    def pipeline(self) -> Pipeline:
        """The pipeline."""
        manager = LocalLinuxManager("app", Path(self.directory) / "targets")
        quota = ResourceManager(Resources.parse(AT_A_TIME, AT_A_TIME))
        task = ProcessTask(
            "work",
            lambda: manager,
            quota,
            Resources.parse(1, 1),
            self.records("pids"),
            SCRIPT.format(log=self.log, seconds=self.seconds),
            done=self.records("done"),
            stdout=FileRepository(Path(self.directory) / "stdout"),
            failures=self.records("failures"),
            retry=Retry(attempts=ATTEMPTS, delay=timedelta(milliseconds=20), jitter=0.5),
        )
        task.link("inputs", self.records("inputs"), is_input=True)
        return Pipeline([task], Session(), [quota], retry_seconds=0.05)


async def main(scene: FlakyScene) -> None:
    """Run all jobs to their end."""
    async with scene.pipeline() as pipeline:
        await pipeline.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(FlakyScene(**json.loads(sys.argv[1]))))
