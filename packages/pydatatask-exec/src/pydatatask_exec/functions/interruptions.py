"""Interruptions: a store that cannot be reached ends a function, but that says nothing about the job.

Such a job has not failed. It is tried again, with back-off, and bounded.
"""

from __future__ import annotations

from typing import TypeGuard

from pydatatask_core.errors import StoreUnreachableError

__all__ = ["is_interruption"]


def is_interruption(error: BaseException | None) -> bool:
    """Return whether a function raised only because a store cannot be reached for now.

    :param error: What the function raised, or None.
    """
    if _is_group(error):  # of an asyncio.TaskGroup in the function
        return all(map(is_interruption, error.exceptions))
    return isinstance(error, StoreUnreachableError)


def _is_group(error: BaseException | None) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    return isinstance(error, BaseExceptionGroup)
