"""The smallest repositories and pipelines that the tests of this package need: the core is all there is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from typing_extensions import override

from pydatatask_core import Link, MetadataRepository, Pipeline, Session, Task


class Records(MetadataRepository):
    """Records in a dict."""

    def __init__(self, data: dict[str, Any] | None = None) -> None:
        self.data: dict[str, Any] = {} if data is None else data
        self.asked: list[str] = []

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.data):
            yield job

    @override
    async def info(self, job: str) -> Any:
        self.asked.append(job)
        return self.data.get(job)

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.require_valid(job)
        self.data[job] = data

    @override
    async def delete(self, job: str) -> None:
        self.data.pop(job, None)


class Unreadable(Records):
    """Records that cannot be had."""

    @override
    async def info(self, job: str) -> Any:
        raise OSError(f"the disk with {job} is on fire")


def pipeline(*tasks: Task) -> Pipeline:
    """A pipeline of these tasks that needs no resources."""
    return Pipeline(tasks, Session())


def links(**repositories: Records) -> dict[str, Link]:
    """Links of these names."""
    return {name: Link(repository) for name, repository in repositories.items()}


def failures(task: Task) -> dict[str, Any]:
    """The records of a task's failures."""
    assert task.outcomes is not None
    assert isinstance(task.outcomes.failures, Records)
    return task.outcomes.failures.data


def done(task: Task) -> dict[str, Any]:
    """The records of what a task has done."""
    repository = task.links["done"].repo
    assert isinstance(repository, Records)
    return repository.data
