"""Directories of the mount: the top, one for each task, and in these one for each link."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import override

from pydatatask_cli.deletion_plan import stop_job
from pydatatask_cli.fuse.link_directory import DraftFile, JobFile, LinkDirectory
from pydatatask_cli.name_lookup import Data, all_data
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.tasks.task import Task

__all__ = ["Node", "TaskDirectory", "Top"]


class TaskDirectory:
    """The directory of a task.

    :param pipeline: The pipeline that the task is part of.
    :param task: The task.
    """

    def __init__(self, pipeline: Pipeline, task: Task) -> None:
        self.name: str = task.name
        self.links: Mapping[str, LinkDirectory] = {
            data.name: _link_directory(pipeline, data) for data in all_data(task)
        }

    @override
    def __str__(self) -> str:
        return self.name


class Top:
    """The top directory of the mount.

    :param pipeline: The pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.tasks: Mapping[str, TaskDirectory] = {
            name: TaskDirectory(pipeline, task) for name, task in pipeline.tasks.items()
        }

    @override
    def __str__(self) -> str:
        return "/"


Node = Top | TaskDirectory | LinkDirectory | JobFile | DraftFile
"""Everything that has an inode."""


def _link_directory(pipeline: Pipeline, data: Data) -> LinkDirectory:
    return LinkDirectory(data, lambda job: stop_job(pipeline, data.repository, job))
