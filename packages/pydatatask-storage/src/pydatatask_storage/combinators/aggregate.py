"""Base class of the two aggregates, which have named children."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Sequence
from typing import Any

from typing_extensions import override

from pydatatask_core.errors import DefinitionError
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.method_overrides import DELETION, INFOS, shortcut
from pydatatask_core.repositories.repository import Repository

__all__ = ["AggregateRepository"]


class AggregateRepository(DerivedRepository, ABC):
    """A repository that is made of named children. A subclass says how their jobs are combined.

    :param children: The children by name.
    :raises DefinitionError: There are none.
    """

    def __init__(self, /, **children: Repository) -> None:
        if not children:
            raise DefinitionError(f"{type(self).__name__} needs at least one child, given as a keyword argument")
        self.children: dict[str, Repository] = children
        """The children by name."""

    async def _child_info(self, child: Repository, job: str) -> Any:
        """Return a child's info for a job."""
        return await child.info(job)

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} of {', '.join(self.children)}"

    @override
    async def info(self, job: str) -> dict[str, Any]:
        """Return a dict of each child's info by the child's name.

        :param job: The job.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        self.require_valid(job)
        return {name: await self._child_info(child, job) for name, child in self.children.items()}

    @override
    @shortcut(unless=INFOS)
    async def info_all(self) -> dict[str, Any]:
        jobs = await self.keys()
        infos: dict[str, dict[str, Any]] = {job: {} for job in jobs}
        for name, child in self.children.items():
            known = await child.info_all()
            for job in jobs:
                infos[job][name] = known[job] if job in known else await self._child_info(child, job)
        return infos

    @override
    async def delete(self, job: str) -> None:
        """Delete the job from all of the children.

        :param job: The job to delete.
        """
        for child in self.children.values():
            await child.delete(job)

    @override
    @shortcut(unless=DELETION)
    async def delete_many(self, jobs: Iterable[str]) -> None:
        everything = list(jobs)
        for child in self.children.values():
            await child.delete_many(everything)

    @override
    def parts(self) -> Sequence[Repository]:
        return tuple(self.children.values())
