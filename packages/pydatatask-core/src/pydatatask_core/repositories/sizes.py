"""How large a value is, for repositories that can tell without reading it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["SizedRepository"]


@runtime_checkable
class SizedRepository(Protocol):
    """A repository that knows the sizes of its values: files do, and objects of S3.

    It is optional: whoever shows a repository to people, as a file system say, asks ``isinstance(repository,
    SizedRepository)``, and does without where it is not.
    """

    async def size(self, job: str) -> int:
        """Tell how many bytes the value of a job has, without reading it.

        :param job: The job.
        :returns: The number of bytes that its reader would give.
        :raises JobNotFoundError: The job is not there.
        """
        ...
