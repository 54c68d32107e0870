"""A repository as a user writes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from typing_extensions import override

from pydatatask_core import Repository

__all__ = ["Own"]


class Own(Repository):
    """Defines three members, and an initializer that forgets its base."""

    def __init__(self) -> None:
        self.store: dict[str, str] = {}

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.store):
            yield job

    @override
    async def info(self, job: str) -> Any:
        self.require_valid(job)
        return self.store.get(job)

    @override
    async def delete(self, job: str) -> None:
        if self.is_valid_job_id(job):
            self.store.pop(job, None)
