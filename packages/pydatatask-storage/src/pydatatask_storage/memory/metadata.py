"""Metadata repository in the memory of this process."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from pydatatask_core.repositories.job_ids import MAX_LENGTH
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.method_overrides import INFOS, shortcut
from pydatatask_storage.memory.base import DictRepository

__all__ = ["InProcessMetadataRepository"]

# The id that was found to be usual last: a small job reads and writes several repositories one after the other, and to
# apply the rule each time would take a good part of its time.
_last_usual = [""]


def _is_usual(job: str) -> bool:
    if not (job.isalnum() and job.isascii() and len(job) <= MAX_LENGTH):
        return False
    _last_usual[0] = job
    return True


class InProcessMetadataRepository(DictRepository[Any], MetadataRepository):
    """An incredibly simple metadata repository which stores all its values in a dict, and will let them vanish when the
    process terminates.

    Values are kept as they are, whatever their type; they are not copied.

    :param data: Optional: the dict to keep them in. It stays the caller's: changes of it are seen at once.
    """

    @override
    async def info(self, job: str) -> Any:
        """Return the value of ``job``, or None if it has none.

        :param job: The job whose value to give.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        if not (self.usual_ids and (job is _last_usual[0] or _is_usual(job))):
            self.require_valid(job)
        return self.data.get(job)

    @override
    @shortcut(unless=INFOS)
    async def info_all(self) -> dict[str, Any]:
        data = dict(self.data)
        return {job: data[job] for job in self.filter_keys(data)}

    @override
    async def dump(self, job: str, data: Any) -> None:
        """Keep ``data`` as the value of ``job``.

        :param job: The job.
        :param data: Any object.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        if not (self.usual_ids and (job is _last_usual[0] or _is_usual(job))):
            self.require_valid(job)
        self.data[job] = data
