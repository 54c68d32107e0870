"""The environment of a template: the names that it can use, and their values for a job.

These are ``job`` and ``task``, both strings, the names in the task's own environment, and the task's links. A link
stands for its ``info(job)``, and so does a repository in the environment. A hyphen in the name of a link becomes an
underscore.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from pydatatask_core.errors import TemplateError
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link

__all__ = ["TemplateEnvironment"]


class TemplateEnvironment:
    """The names for one job.

    :param task: The name of the task.
    :param job: The job.
    :param links: The task's links.
    :param own: The task's own environment, whose names override those of links.
    """

    def __init__(self, task: str, job: str, links: Mapping[str, Link], own: Mapping[str, object]) -> None:
        self._task = task
        self._job = job
        self._links = links
        self._own = own

    def known(self) -> Iterable[str]:
        """Return all names, for messages."""
        return dict.fromkeys(["job", "task", *self._own, *map(_spelling, self._links)])

    async def values(self, used: Set[str] | None) -> dict[str, object]:
        """Look up the values of names.

        :param used: The names that the template uses, or None if that is unknown; others are not looked up.
        :raises TemplateError: The ``info`` of a repository cannot be read.
        """
        links = {_spelling(name): name for name in self._links} | {name: name for name in self._links}
        values: dict[str, object] = {}
        for name in {*links, *self._own} if used is None else used:
            if name in self._own:
                values[name] = await self._value(name, self._own[name])
            elif name in links:
                values[name] = await self._value(links[name], self._links[links[name]])
        return values | {"job": self._job, "task": self._task}

    async def _value(self, name: str, value: object) -> object:
        """Return what a name stands for: the value itself, or the info of a repository."""
        repository = value.repo if isinstance(value, Link) else value
        if not isinstance(repository, Repository):
            return value
        try:
            return await repository.info(self._job)
        except Exception as error:
            raise TemplateError(
                f"task {self._task}, job {self._job}: the template uses {name!r}, whose info cannot be had from "
                f"{repository.describe()}: {type(error).__name__}: {error}"
            ) from error


def _spelling(link: str) -> str:
    """Return the name under which a template can use a link."""
    return link.replace("-", "_")
