"""What users write, for the type checker alone: this module is never run."""

from __future__ import annotations

from typing import assert_type

from pydatatask_core import MetadataRepository
from pydatatask_exec import STDOUT, FunctionTaskProtocol, InProcessSyncTask, StderrIsStdout


def decorators(done: MetadataRepository) -> None:
    @InProcessSyncTask("coroutine", done)
    async def coroutine(job: str, inp: MetadataRepository, out: MetadataRepository) -> None:
        await out.dump(job, await inp.info(job))

    assert_type(coroutine, InProcessSyncTask)

    @InProcessSyncTask("plain", done)
    def plain(job: str, *, inp: MetadataRepository, limit: int = 3) -> int:
        return limit

    assert_type(plain, InProcessSyncTask)

    class Own(InProcessSyncTask):
        """A subclass stays itself as a decorator."""

    @Own("own", done)
    async def own(**links: MetadataRepository) -> str:
        return "x"

    assert_type(own, Own)

    async def body(job: str) -> None: ...

    typed: FunctionTaskProtocol = body
    InProcessSyncTask("argument", done, func=typed)
    InProcessSyncTask("argument", done, func=body)
    InProcessSyncTask("argument", done, func=lambda job: None)
    InProcessSyncTask("argument", done, None, body)


def narrowing(stderr: str | StderrIsStdout | None) -> str:
    if stderr is STDOUT:
        return "stdout"
    assert_type(stderr, str | None)
    return stderr or "null"
