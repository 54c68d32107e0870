"""A pipeline of pods of which a fifth fails, over local directories; to be killed at any instant, and started again.

Each attempt writes to a journal when it begins and when it ends. Which attempts fail follows from the job and the
number of the attempt, so that a test knows what has to come out.

Run as `python -m integration.kube.flaky_pipeline DIRECTORY APP`; `KUBECONFIG` leads to the cluster.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from datetime import timedelta
from pathlib import Path

from integration.kube.shell_pods import shell, stub_manager
from pydatatask_core import Pipeline, ResourceManager, Resources, Retry, Session
from pydatatask_exec import KubeTask
from pydatatask_storage import FileRepository, YamlMetadataFileRepository

ATTEMPTS = 5


def fails(job: str, attempt: int) -> bool:
    """Whether an attempt of a job fails, as every fifth does, and all of every fiftieth job."""
    return job.endswith(("00", "50")) or zlib.crc32(f"{job} {attempt}".encode()) % 5 == 0


def last_attempt(job: str) -> int:
    """The number of the attempt that succeeds, or the last one if none does."""
    return next((attempt for attempt in range(1, ATTEMPTS) if not fails(job, attempt)), ATTEMPTS)


def write_input(directory: Path, job: str) -> None:
    """Give a job its input: the attempts that fail."""
    failing = " ".join(str(attempt) for attempt in range(1, ATTEMPTS + 1) if fails(job, attempt))
    (directory / "input" / f"{job}.yaml").write_text(f"' {failing} '\n")


def pipeline(directory: Path, app: str) -> Pipeline:
    session = Session()
    podman = stub_manager(session, app)

    quota = ResourceManager(Resources.parse("8m", "1Gi"))
    journal = directory / "journal"
    template = shell(
        "busybox",
        f"echo begin {{{{job}}}} {{{{attempt}}}} >> {journal}; sleep 0.05; echo attempt {{{{attempt}}}}; "
        f"echo end {{{{job}}}} {{{{attempt}}}} >> {journal}; "
        "case '{{failing}}' in *' {{attempt}} '*) exit 1 ;; esac",
    )
    task = KubeTask(
        "work",
        podman,
        quota,
        template,
        FileRepository(directory / "logs", ".log"),
        YamlMetadataFileRepository(directory / "done"),
        failures=YamlMetadataFileRepository(directory / "failures"),
        retry=Retry(attempts=ATTEMPTS, delay=timedelta(milliseconds=20)),
    )
    task.link("failing", YamlMetadataFileRepository(directory / "input"), is_input=True)
    return Pipeline([task], session, [quota])


async def main(directory: Path, app: str) -> None:
    async with pipeline(directory, app) as running:
        await running.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
