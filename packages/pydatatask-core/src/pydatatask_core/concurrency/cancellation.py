"""Tell a cancellation that somebody requested from one that escaped from inside a call."""

from __future__ import annotations

import asyncio

from pydatatask_core.errors import PydatataskError

__all__ = ["unrequested_cancellation"]


def unrequested_cancellation(error: asyncio.CancelledError) -> Exception:
    """Return an error to report for a cancellation that nobody requested.

    A call that awaits something cancelled raises ``CancelledError`` in a task that is not being cancelled. To let it
    pass would cancel the caller, so it is reported like any other failure.

    :param error: What was raised in the running asyncio task.
    :raises CancelledError: The running task is being cancelled.
    """
    running = asyncio.current_task()
    if running is None or running.cancelling():
        raise error
    return PydatataskError(f"it was cancelled from within: {error!r}")
