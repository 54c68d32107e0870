"""Metadata repositories, whose values are small structured records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from typing_extensions import override

from pydatatask_core.repositories.repository import Repository

__all__ = ["MetadataRepository"]


class MetadataRepository(Repository, ABC):
    """A repository whose values are small structured records, which ``info`` loads into memory."""

    @abstractmethod
    @override
    async def info(self, job: str) -> Any:
        """Return the record of ``job``.

        :param job: The job whose record to load.
        """

    @abstractmethod
    async def dump(self, job: str, data: Any) -> None:
        """Store ``data`` as the record of ``job``, replacing an older one.

        :param job: The job whose record to write.
        :param data: What YAML's safe dumper accepts: mappings, lists, strings, numbers, booleans, times, None.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        :raises RecordTypeError: The store's record format cannot hold ``data``.
        """
