"""Call the function of a command, with the pipeline open if it is a coroutine function."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from pydatatask_cli.arguments import ACCESS, require_function
from pydatatask_cli.open_pipeline import opened
from pydatatask_cli.signals import run_interruptibly
from pydatatask_cli.terminal import output
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access

__all__ = ["dispatch"]


def dispatch(pipeline: Pipeline, arguments: dict[str, Any]) -> int:
    """Call the function of a command with the pipeline and the command's arguments.

    A coroutine function is awaited with the pipeline open. A plain function is called with the pipeline closed and
    without an event loop, so that it may run one itself.

    :param pipeline: The pipeline.
    :param arguments: The parsed arguments by name.
    :returns: The exit status: what the function returns if that is an integer, else 0.
    """
    function = require_function(arguments, output.program())
    access = arguments.pop(ACCESS, Access.WRITE)
    if inspect.iscoroutinefunction(function):
        return run_interruptibly(lambda: _await(pipeline, access, lambda: function(pipeline, **arguments)))
    result = function(pipeline, **arguments)
    if not inspect.iscoroutine(result):
        return _status(result)
    try:
        return run_interruptibly(lambda: _await(pipeline, access, lambda: result))
    finally:
        result.close()  # where the pipeline could not be opened, it has not been awaited


async def _await(pipeline: Pipeline, access: Access | None, call: Callable[[], Awaitable[object]]) -> int:
    if access is None:
        return _status(await call())
    async with opened(pipeline, access):
        return _status(await call())


def _status(result: object) -> int:
    return result if isinstance(result, int) and not isinstance(result, bool) else 0
