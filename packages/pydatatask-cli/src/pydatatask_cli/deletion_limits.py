"""The limits of ``rm -r``: what follows from the deleted jobs under ids that nothing relates to theirs.

Ids are followed through translators, and through repositories that say what they are made of (``sources`` and
``jobs_from``). What a task writes under other ids, and what is computed by a repository that does not say so, cannot be
found. Both show in the listings, so the user is told what stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from pydatatask_cli.deletion_plan import Doomed
from pydatatask_cli.name_lookup import Data, all_links
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.algebra import union
from pydatatask_core.repositories.repository import DIRECT

__all__ = ["Undeclared", "other_ids", "undeclared", "vanished"]

_SHOWN = 5


class Undeclared(NamedTuple):
    """A repository of the user's own that may be made of others without saying so."""

    data: Data
    """The link by which it reaches a task."""

    jobs: AbstractSet[str]
    """The jobs that it had before the deletion."""


async def undeclared(pipeline: Pipeline, doomed: Sequence[Doomed]) -> list[Undeclared]:
    """Return the repositories whose jobs may disappear with those of others, before anything is deleted.

    :param pipeline: The pipeline.
    :param doomed: What is going to be deleted.
    """
    known = {id(item.repository) for item in doomed}
    known |= {id(data.repository) for data in all_links(pipeline) if data.link.is_output or data.link.is_status}
    found: list[Undeclared] = []
    for data in all_links(pipeline):
        repository = data.repository
        if (
            (data.link.is_input or data.link.required_for_start)
            and id(repository) not in known
            and not repository.sources()
            and not type(repository).__module__.startswith("pydatatask")
        ):
            known.add(id(repository))
            found.append(Undeclared(data, await DIRECT.keys(repository)))
    return found


async def vanished(candidates: Sequence[Undeclared]) -> list[str]:
    """Return a note for each repository that has lost jobs through the deletion.

    :param candidates: What :func:`undeclared` returned before the deletion.
    """
    notes: list[str] = []
    for candidate in candidates:
        data, gone = candidate.data, candidate.jobs - await DIRECT.keys(candidate.data.repository)
        if gone:
            cls = type(data.repository).__name__
            notes.append(
                f"{data} no longer has {_some(gone)}, but what was made of {'it' if len(gone) == 1 else 'them'} stays, "
                f"since {cls} does not say what it is made of (sources() and jobs_from()); to delete it: "
                f"rm -r {data.task.name} {_some(gone, ' ')}"
            )
    return notes


async def other_ids(doomed: Sequence[Doomed], pipeline: Pipeline) -> list[str]:
    """Return a note for each output that a task writes under other ids than its jobs have, before the deletion.

    :param doomed: What is going to be deleted.
    :param pipeline: The pipeline.
    """
    reached = {id(item.repository): item for item in doomed}
    notes: list[str] = []
    for task in pipeline.tasks.values():
        if not any(id(status) in reached and reached[id(status)].jobs for status in task.status.values()):
            continue
        done = await union(DIRECT, task.status.values())
        for name, output in task.output.items():
            if id(output) in reached and (jobs := await DIRECT.keys(output)) and not jobs & done:
                notes.append(
                    f"{task.name}.{name} has other ids than the jobs of {task.name}, so what {task.name} wrote there "
                    f"stays; to delete it: rm {task.name}.{name} JOB ..."
                )
    return notes


def _some(jobs: AbstractSet[str], separator: str = ", ") -> str:
    shown = sorted(jobs)[:_SHOWN]
    return separator.join([*shown, *(["..."] if len(jobs) > len(shown) else [])])
