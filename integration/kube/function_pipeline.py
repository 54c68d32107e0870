"""A script as users write it, whose function runs in pods: `python function_pipeline.py {run,launch,status,…}`.

`PYDATATASK_TEST_DIRECTORY` says where its data is. In a pod there is no kubeconfig, and it needs none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from pydatatask_cli import main
from pydatatask_core import MetadataRepository, Pipeline, ResourceManager, Resources, Session
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
      command: [{{python|toyaml}}, {{argv0|toyaml}}, launch, {{task|toyaml}}, {{job|toyaml}}, --force, --sync]
      workingDir: {{scripts|toyaml}}
      env:
        - {name: PYDATATASK_TEST_DIRECTORY, value: {{directory|toyaml}}}
        - {name: PYTHONPATH, value: {{pythonpath|toyaml}}}
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
inputs = YamlMetadataFileRepository(DIRECTORY / "input")
outputs = YamlMetadataFileRepository(DIRECTORY / "output")


@KubeFunctionTask(
    "halve",
    podman,
    quota,
    TEMPLATE,
    FileRepository(DIRECTORY / "logs", ".log"),
    YamlMetadataFileRepository(DIRECTORY / "kube_done"),
    YamlMetadataFileRepository(DIRECTORY / "func_done"),
    env=names,
)
async def halve(job: str, inp: MetadataRepository, out: MetadataRepository) -> None:
    number = await inp.info(job)
    if number % 2:
        raise ValueError(f"{number} is odd")
    await out.dump(job, number // 2)


halve.link("inp", inputs, is_input=True)
halve.link("out", outputs, is_output=True)
pipeline = Pipeline([halve], session, [quota])

if __name__ == "__main__":
    main(pipeline)
