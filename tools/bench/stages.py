"""A pipeline of stages in memory, each of which adds one: what several workloads measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_exec.functions.in_process import InProcessSyncTask
from pydatatask_storage.memory.metadata import InProcessMetadataRepository


class Store(Protocol):
    """What a stage needs of a repository."""

    async def info(self, job: str, /) -> int:
        """Give the value of a job."""

    async def dump(self, job: str, data: int, /) -> None:
        """Keep the value of a job."""


async def increment(job: str, source: Store, target: Store) -> None:
    """Run one stage for one job."""
    await target.dump(job, await source.info(job) + 1)


def values(count: int) -> dict[str, int]:
    """Make the input."""
    return {f"j{number}": number for number in range(count)}


@dataclass(frozen=True)
class Staged:
    """A pipeline, and what belongs to it."""

    pipeline: Pipeline
    stores: list[InProcessMetadataRepository]
    """The input, and then what each stage writes."""
    dones: list[InProcessMetadataRepository]
    """The records of completion of each stage."""

    def check(self, count: int) -> None:
        """Raise an error unless everything has been done."""
        check(self.stores[-1].data, [len(done.data) for done in self.dones], count)


def staged(count: int, stages: int) -> Staged:
    """Make a pipeline in which a job waits for the stage before to be complete, and all is still to be done."""
    stores = [InProcessMetadataRepository() for _ in range(stages + 1)]
    stores[0].data.update(values(count))
    dones = [InProcessMetadataRepository() for _ in range(stages)]
    tasks: list[InProcessSyncTask] = []
    for number, done in enumerate(dones):
        task = InProcessSyncTask(f"stage{number}", done, func=increment)
        task.link("source", stores[number], is_input=True)
        task.link("target", stores[number + 1], is_output=True)
        if tasks:
            task.link("before", dones[number - 1], required_for_start=True)
        tasks.append(task)
    return Staged(Pipeline(tasks, Session()), stores, dones)


async def by_updates(pipeline: Pipeline) -> None:
    """Run rounds back to back until one finds nothing to do."""
    while await pipeline.update():
        pass


def check(results: dict[str, int], records: list[int], count: int) -> None:
    """Raise an error unless all stages have run for all jobs.

    :param results: What the last stage has written.
    :param records: How many records of completion each stage has.
    :param count: How many jobs there are.
    """
    stages = len(records)
    if results != {job: value + stages for job, value in values(count).items()} or set(records) != {count}:
        raise RuntimeError("the stages have not done what they should")
