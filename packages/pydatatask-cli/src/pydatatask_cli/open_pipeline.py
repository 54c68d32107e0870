"""Open a pipeline, or only validate some of its repositories, for the duration of a command."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.repositories.repository import Repository

__all__ = ["opened", "validate_repositories"]


@asynccontextmanager
async def opened(pipeline: Pipeline, access: Access = Access.WRITE) -> AsyncGenerator[None, None]:
    """Open a pipeline for the duration of a block, or only its session for observing, unless it is open already.

    :param pipeline: The pipeline.
    :param access: What it will be used for, if it has to be opened.
    """
    if pipeline.is_open or (access is Access.OBSERVE and pipeline.session.is_open):
        yield
        return
    if access is Access.OBSERVE:
        # A store that is not usable must not hide the others, so each command validates those that it asks.
        async with pipeline.session:
            yield
        return
    await pipeline.open(access)
    try:
        yield
    except BaseException as error:
        await pipeline.__aexit__(type(error), error, error.__traceback__)
        raise
    await pipeline.close()


async def validate_repositories(pipeline: Pipeline, repositories: Iterable[Repository]) -> None:
    """Validate repositories for observing, unless the pipeline has been opened and has done so.

    The pipeline stays closed: a command that needs no resource of its session works without opening any.

    :param pipeline: The pipeline.
    :param repositories: Repositories of the pipeline; those that they show are validated as well.
    """
    if pipeline.access is not None:
        return
    waiting, seen = list(repositories), set[int]()
    token = validation_access.set(Access.OBSERVE)
    try:
        while waiting:
            repository = waiting.pop()
            if id(repository) not in seen:
                seen.add(id(repository))
                await repository.validate()
                waiting.extend(repository.parts())
    finally:
        validation_access.reset(token)
