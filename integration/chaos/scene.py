"""Where everything is that the pipeline works with, by way of proxies."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "PYDATATASK_TEST_SCENE"


@dataclass(frozen=True)
class Scene:
    """The scene."""

    directory: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    s3_region: str
    bucket: str
    part: int
    """The size of a part of a multipart upload."""
    mongodb_url: str
    database: str
    app: str
    seconds: float
    """How long a process or pod takes."""

    def path(self, name: str) -> Path:
        return Path(self.directory) / name

    @property
    def journal(self) -> Path:
        return self.path("journal")

    @property
    def locks(self) -> Path:
        return self.path("locks")

    @property
    def targets(self) -> Path:
        return self.path("targets")

    @property
    def kubeconfig(self) -> Path:
        return self.path("kubeconfig")

    def argv(self, *arguments: str) -> list[str]:
        """The command line of the pipeline."""
        return [sys.executable, "-m", "integration.chaos.pipeline", *arguments]

    def environ(self) -> dict[str, str]:
        """The environment that the command line needs."""
        return os.environ | {VARIABLE: json.dumps(asdict(self)), "KUBECONFIG": str(self.kubeconfig)}

    @classmethod
    def from_environ(cls) -> Scene:
        return cls(**json.loads(os.environ[VARIABLE]))
