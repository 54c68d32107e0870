"""The hooks that a suite needs from the author of a repository."""

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
    """How to make a repository, and how to access its store by a side door.

    These methods must not use the repository's own methods to read or change the store, as the suite tests those.
    """

    tmp_path: Path
    """An empty directory for each test."""

    invalid_ids: ClassVar[Sequence[str]] = ("with-dash", "with_underscore", "with.dot", "ümlaut", "x" * 64)
    """Strings that the store accepts as keys and that are no job ids of the repository."""

    deletes: ClassVar[bool] = True
    """Whether ``delete`` removes the job; some views are read-only."""

    counts_revisions: ClassVar[bool] = False
    """Whether ``revision()`` returns tokens, so that the scheduler need not list an unchanged repository."""

    @override
    def __init_subclass__(cls) -> None:
        """Refuse a test class that lacks a hook, as pytest skips abstract classes silently.

        :raises TypeError: A hook is missing; the message names it.
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
        """Return a new repository with an empty store; a test may call this repeatedly."""

    @abstractmethod
    async def put(self, repository: R, job: str) -> None:
        """Make a job present by the side door.

        :param repository: The repository.
        :param job: A job id, or one of :attr:`invalid_ids`.
        """

    @abstractmethod
    async def raw_keys(self, repository: R) -> set[str]:
        """Return all keys of the store by the side door, including invalid and incomplete ones.

        :param repository: The repository.
        """

    async def leftovers(self, repository: R) -> list[str]:
        """Return what is in the store besides values: temporary files, incomplete uploads.

        :param repository: The repository.
        """
        return []

    async def settle(self, repository: R) -> None:
        """Wait until the repository can return a token for its revision, as a file system's clock may be too coarse.

        :param repository: The repository.
        """
