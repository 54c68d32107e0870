"""A script as users write it, whose function fails in pods now and then: `python failing_function_pipeline.py run`.

`PYDATATASK_TEST_DIRECTORY` says where its data is. What becomes of a job follows from its id.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydatatask_cli import main
from pydatatask_core import MetadataRepository, Pipeline, ResourceManager, Resources, Retry, RetryRule, Session
from pydatatask_exec import KubeFunctionTask, PodManager, RequestLimits
from pydatatask_storage import FileRepository, YamlMetadataFileRepository

DIRECTORY = Path(os.environ["PYDATATASK_TEST_DIRECTORY"])
TEMPLATE = """
apiVersion: v1
kind: Pod
spec:
  containers:
    - name: leader
      image: busybox
      command:
        - sh
        - -c
        - '"$@"; code=$?; case {{job}} in late*) exit 9 ;; esac; exit $code'
        - sh
        - {{python|toyaml}}
        - {{argv0|toyaml}}
        - launch
        - {{task|toyaml}}
        - {{job|toyaml}}
        - --force
        - --sync
      workingDir: {{scripts|toyaml}}
      terminationMessagePath: {{directory}}/ended.{{job}}
      env:
        - {name: PYDATATASK_TEST_DIRECTORY, value: {{directory|toyaml}}}
        - {name: PYTHONPATH, value: {{pythonpath|toyaml}}}
        - {name: PYDATATASK_TERMINATION_LOG, value: "{{directory}}/ended.{{job}}"}
      resources:
        requests: {cpu: 100m, memory: 256Mi}
"""

session = Session()


@session.resource
async def podman() -> AsyncGenerator[PodManager, None]:
    manager = PodManager("functions", "default", limits=RequestLimits(per_second=1000))
    try:
        yield manager
    finally:
        await manager.close()


names: dict[str, Any] = {
    "python": sys.executable,
    "scripts": str(Path(__file__).parent),
    "directory": str(DIRECTORY),
    "pythonpath": os.environ.get("PYTHONPATH", ""),
}
quota = ResourceManager(Resources.parse(1, "4Gi"))


class HopelessError(ValueError):
    """No attempt will ever do any better."""


@KubeFunctionTask(
    "work",
    podman,
    quota,
    TEMPLATE,
    FileRepository(DIRECTORY / "logs", ".log"),
    YamlMetadataFileRepository(DIRECTORY / "kube_done"),
    YamlMetadataFileRepository(DIRECTORY / "func_done"),
    env=names,
    failures=YamlMetadataFileRepository(DIRECTORY / "failures"),
    retry=Retry(
        attempts=3,
        delay=timedelta(milliseconds=10),
        rules=[RetryRule(exception=HopelessError, then="give-up")],
    ),
)
async def work(job: str, attempt: int, out: MetadataRepository) -> None:
    if job == "hopeless":
        raise HopelessError("so it is " + "é" * 5000)
    if job == "second" and attempt < 2:
        raise RuntimeError(f"attempt {attempt}")
    if job == "endless":
        await asyncio.sleep(300)
    if job == "killed":
        os._exit(137)
    await out.dump(job, attempt)


work.link("inp", YamlMetadataFileRepository(DIRECTORY / "input"), is_input=True)
work.link("out", YamlMetadataFileRepository(DIRECTORY / "output"), is_output=True)
pipeline = Pipeline([work], session, [quota])

if __name__ == "__main__":
    main(pipeline)
