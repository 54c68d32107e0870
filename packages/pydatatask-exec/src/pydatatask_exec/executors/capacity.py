"""Capacity: how many jobs of a task an executor is given at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

__all__ = ["Capacity"]

_UNKNOWN = 1000
"""The slots of an executor whose number of workers is unknown, such as a cluster."""


class Capacity:
    """Slots for jobs: two for each worker of a local pool, so that no worker waits for its next job.

    :param executor: The executor.
    :param slots: How many slots there are, if the caller knows better.
    """

    def __init__(self, executor: Executor, slots: int | None = None) -> None:
        workers: object = getattr(executor, "_max_workers", None)
        known = 2 * workers if isinstance(workers, int) else _UNKNOWN
        self._slots = asyncio.Semaphore(known if slots is None else slots)

    @property
    def is_exhausted(self) -> bool:
        """Whether a job would have to wait for a slot."""
        return self._slots.locked()

    async def acquire(self) -> None:
        """Take a slot once there is one."""
        await self._slots.acquire()

    def release(self) -> None:
        """Give a slot back."""
        self._slots.release()
