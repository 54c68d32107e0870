"""What the author of a repository tells the suites."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import pytest
from typing_extensions import override

from pydatatask_core.repositories.repository import Repository

__all__ = ["RepositoryHooks"]

R = TypeVar("R", bound=Repository)


class RepositoryHooks(ABC, Generic[R]):
    """How to make a repository, and how to get at its store by a side door.

    None of the methods here may use the repository's own methods to look at the store or to change it, since these are
    what is tested.
    """

    tmp_path: Path
    """An empty directory of the test's own."""

    invalid_ids: ClassVar[Sequence[str]] = ("with-dash", "with_underscore", "with.dot", "ümlaut", "x" * 64)
    """Strings that the store takes for keys, but that are no job ids of the repository."""

    deletes: ClassVar[bool] = True
    """Whether ``delete`` removes the job; some views only show."""

    counts_revisions: ClassVar[bool] = False
    """Whether ``revision()`` gives tokens, so that the scheduler need not list what has not changed."""

    @override
    def __init_subclass__(cls) -> None:
        """Refuse a class of tests that lacks a hook: pytest would pass over it in silence, as over all abstract ones.

        :raises TypeError: A hook is missing; the message tells which.
        """
        super().__init_subclass__()
        missing = [name for name in dir(cls) if getattr(getattr(cls, name, None), "__isabstractmethod__", False)]
        if missing and cls.__name__.startswith("Test"):
            raise TypeError(f"{cls.__name__} must define {', '.join(missing)}, or pytest runs none of its tests")

    @pytest.fixture(autouse=True)
    def _own_directory(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    @abstractmethod
    async def make_repository(self) -> R:
        """Make a repository with an empty store, ready for use. A test may call this repeatedly, for several stores."""

    @abstractmethod
    async def put(self, repository: R, job: str) -> None:
        """Make a job present, by the side door.

        :param repository: The repository.
        :param job: A job id, or one of :attr:`invalid_ids`.
        """

    @abstractmethod
    async def raw_keys(self, repository: R) -> set[str]:
        """Give what the store has for keys, by the side door: valid or not, whole or not.

        :param repository: The repository.
        """

    async def leftovers(self, repository: R) -> list[str]:
        """Give what is in the store besides values: temporary files, uploads that were not completed.

        :param repository: The repository.
        """
        return []

    async def settle(self, repository: R) -> None:
        """Wait until the repository trusts what it sees, so that it can give a token for a revision.

        :param repository: The repository.
        """
