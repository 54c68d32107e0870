"""The protocol of repositories that know the size of a value without reading it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["SizedRepository"]


@runtime_checkable
class SizedRepository(Protocol):
    """A repository that knows the sizes of its values, as files and S3 objects do.

    It is optional: code that shows sizes, such as the FUSE mount, checks ``isinstance(repository, SizedRepository)``.
    """

    async def size(self, job: str) -> int:
        """Return the number of bytes of a job's value, without reading it.

        :param job: The job.
        :raises JobNotFoundError: The job is not present.
        """
        ...
