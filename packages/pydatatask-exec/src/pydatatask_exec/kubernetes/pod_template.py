"""The template of the pods of a task, and the manifests that it renders to."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydatatask_core.errors import ManifestError
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.tasks.links import Link
from pydatatask_exec.kubernetes.manifest import check_manifest, parse_manifest
from pydatatask_exec.kubernetes.pods.fields import Manifest
from pydatatask_exec.templates.template import Template

__all__ = ["PodTemplate"]


class PodTemplate:
    """The template of the pods of a task; it is read when it is first needed.

    :param task: The name of the task.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._compiled: Template | None = None

    def forget(self) -> None:
        """Read the template again when it is next needed."""
        self._compiled = None

    async def load(self, source: str | Path) -> Template:
        """Return the compiled template.

        :param source: Its text or its path.
        """
        if self._compiled is None:
            self._compiled = await Template.load(source, self._task)
        return self._compiled

    async def render(
        self, source: str | Path, job: str, links: Mapping[str, Link], names: Mapping[str, object]
    ) -> tuple[Manifest, Resources]:
        """Render and check the manifest of a job.

        :param source: The text or the path of the template.
        :param job: The job.
        :param links: The links of the task.
        :param names: What else the template knows, beside ``argv0``.
        :returns: The manifest, without the name and labels of the job's pod, and what it requests.
        :raises TemplateError: The template cannot be rendered.
        :raises ManifestError: The result is no manifest of a pod that can be launched.
        """
        known = {"argv0": os.path.basename(sys.argv[0]), **names}
        text = await (await self.load(source)).render(job, links, known)
        try:
            manifest = parse_manifest(text)
            return manifest, check_manifest(manifest)
        except ManifestError as error:
            raise ManifestError(f"task {self._task}, job {job}: {error}") from error
