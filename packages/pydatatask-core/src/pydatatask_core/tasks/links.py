"""Links: what a repository is to a task."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydatatask_core.errors import DefinitionError, InvalidNameError
from pydatatask_core.repositories.repository import Repository

__all__ = ["Link", "check_name", "check_repository"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Link:
    """A linked repository and its disposition. Do not create one by hand; use ``Task.link``.

    Links are immutable, so that a task may keep what it derived from them; ``Task.plug`` replaces a link to add to it.
    """

    repo: Repository
    """The linked repository."""

    is_input: bool = False
    """The repository contains data which is consumed by the task."""

    is_output: bool = False
    """The repository is populated by the task."""

    is_status: bool = False
    """The repository is populated with task-ephemeral data."""

    inhibits_start: bool = False
    """A job that is in the repository is not launched."""

    required_for_start: bool = False
    """A job must be in the repository to be launched."""

    inhibits_output: bool = False
    """Becomes ``inhibits_start`` in tasks that this task is plugged into."""

    required_for_output: bool = False
    """Becomes ``required_for_start`` in tasks that this task is plugged into."""

    is_failure: bool = False
    """The repository holds the failures of the task."""


def check_name(kind: str, name: object) -> None:
    """Refuse a name that cannot be part of a path, of a pod's name and of ``task.link``.

    :param kind: ``"task"`` or ``"link"``.
    :param name: The name.
    :raises InvalidNameError: It does not match ``[A-Za-z_][A-Za-z0-9_-]*``.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise InvalidNameError(kind, name)


def check_repository(place: str, candidate: object) -> None:
    """Refuse an object that is no repository, as it would fail only later, in a place that says nothing of the cause.

    :param place: What needs the repository, for the message.
    :param candidate: The object.
    :raises DefinitionError: It is no repository.
    """
    if isinstance(candidate, Repository):
        return
    if isinstance(candidate, type):
        raise DefinitionError(f"{place} must be a repository, not the class {candidate.__name__}; call it to make one")
    if isinstance(candidate, tuple):
        raise DefinitionError(
            f"{place} must be one repository, not a tuple of them; write each on its own, as in "
            "done, failures = outcome_files(...)"
        )
    raise DefinitionError(
        f"{place} must be a repository, not an object of type {type(candidate).__name__}; FileRepository, "
        "InProcessMetadataRepository and others make one of what you have"
    )
