"""A pipeline of two tasks that run pods, over local directories; to be killed at any instant, and started again.

Run as `python -m integration.kube.crashing_pipeline DIRECTORY APP JOBS`; `KUBECONFIG` leads to the cluster.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from integration.kube.shell_pods import shell, stub_manager
from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import KubeTask
from pydatatask_storage import FileRepository, YamlMetadataFileRepository

TASKS = ("first", "second")


def pipeline(directory: Path, app: str) -> Pipeline:
    session = Session()
    podman = stub_manager(session, app)

    quota = ResourceManager(Resources.parse("8m", "1Gi"))
    journal = directory / "journal"
    template = shell(
        "busybox",
        f"echo begin {{{{task}}}} {{{{job}}}} >> {journal}; sleep 0.05; echo {{{{job}}}}; "
        f"echo end {{{{task}}}} {{{{job}}}} >> {journal}",
    )
    inputs = FileRepository(directory / "input", ".txt")
    tasks = []
    for name in TASKS:
        logs = FileRepository(directory / f"{name}-logs", ".log")
        done = YamlMetadataFileRepository(directory / f"{name}-done")
        task = KubeTask(name, podman, quota, template, logs, done)
        task.link("input", inputs, is_input=True)
        tasks.append(task)
    tasks[1].plug(tasks[0])
    return Pipeline(tasks, session, [quota])


async def main(directory: Path, app: str) -> None:
    async with pipeline(directory, app) as running:
        await running.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
