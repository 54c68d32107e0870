"""Base class of in-process repositories, which keep jobs in a dict."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncGenerator, Hashable
from collections.abc import Set as AbstractSet
from inspect import getattr_static
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from typing_extensions import override

from pydatatask_core.errors import NotPicklableError
from pydatatask_core.repositories.job_ids import CHARSET
from pydatatask_core.repositories.method_overrides import ID_RULES, LISTING, MEMBERSHIP, shortcut
from pydatatask_core.repositories.repository import Repository
from pydatatask_storage.memory.counting_dict import CountingDict

__all__ = ["DictRepository"]

V = TypeVar("V")


class DictRepository(Repository, ABC, Generic[V]):
    """A repository that keeps its values in a dict, so that they vanish when the process terminates.

    :param data: Optional: the dict to keep them in. It stays the caller's: changes of it are seen at once.
    """

    usual_ids: ClassVar[bool]
    """Whether the class has the default rule for ids; calling ``admits`` would double the time of every access."""

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        rules = (getattr_static(cls, name) is getattr_static(Repository, name) for name in ID_RULES)
        cls.usual_ids = cls.CHARSET is CHARSET and cls.CHARSET_START_END is CHARSET and all(rules)

    def __init__(self, data: dict[str, V] | None = None) -> None:
        self.data: dict[str, V] = CountingDict() if data is None else data
        """The values by job."""

    @override
    async def contains(self, item: str) -> bool:
        return item in self.data and self.admits(item)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return self.filter_keys(jobs & self.data.keys())

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.data):
            yield job

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return self.filter_keys(self.data)

    @override
    async def delete(self, job: str) -> None:
        """Delete the value of ``job``, if it has one.

        :param job: The job to delete.
        """
        if job in self.data and self.admits(job):
            self.data.pop(job, None)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def revision(self) -> Hashable | None:
        return self.data.revision if isinstance(self.data, CountingDict) else None

    @override
    def __reduce__(self) -> NoReturn:
        """Refuse to be copied.

        :raises NotPicklableError: Always.
        """
        raise NotPicklableError(
            f"{type(self).__name__} cannot be sent to another process, since what is written to a copy is lost; keep "
            "the values in files, in a bucket or in a database instead"
        )
