"""Opening a pipeline for the duration of a command, unless the caller has done so."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pydatatask_core.access import Access
from pydatatask_core.pipeline import Pipeline

__all__ = ["opened"]


@asynccontextmanager
async def opened(pipeline: Pipeline, access: Access = Access.WRITE) -> AsyncGenerator[None, None]:
    """Have a pipeline open inside the block; one that is open already is left as it is.

    :param pipeline: The pipeline.
    :param access: What it will be used for, if it is to be opened.
    """
    if pipeline.is_open:
        yield
        return
    await pipeline.open(access)
    try:
        yield
    except BaseException as error:
        await pipeline.__aexit__(type(error), error, error.__traceback__)
        raise
    await pipeline.close()
