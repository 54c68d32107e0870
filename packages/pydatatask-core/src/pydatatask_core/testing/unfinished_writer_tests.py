"""Tests that writing a blob is atomic, however its writer ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.testing.blob_tests import B, BlobHooks
from pydatatask_core.testing.stream_helpers import write_and_abandon

__all__ = ["UnfinishedWriterTests"]

_SIZES = [0, 10, 3_000_000]


class UnfinishedWriterTests(BlobHooks[B]):
    """Tests of writers that are open, left by an exception, or cancelled."""

    async def _assert_untouched(self, repository: B) -> None:
        """Assert that there is a job ``kept`` with its old value, and nothing else."""
        assert await self.raw_keys(repository) == {"kept"}
        assert await self.get_raw(repository, "kept") == b"old value"
        assert await self.leftovers(repository) == []
        assert await repository.keys() == {"kept"}
        assert not await repository.contains("new")

    async def _with_a_value(self) -> B:
        repository = await self.make_repository()
        await self.put_raw(repository, "kept", b"old value")
        return repository

    @pytest.mark.requirement("blob.visible-on-close", "blob.no-start-on-half")
    @pytest.mark.parametrize("size", _SIZES)
    async def test_a_value_becomes_visible_when_its_writer_is_closed(self, size: int) -> None:
        repository = await self._with_a_value()
        for job in ("new", "kept"):
            async with await repository.open(job, "wb") as stream:
                await stream.write(b"n" * size)
                assert await repository.keys() == {"kept"} | ({"new"} if job == "kept" else set())
                assert await repository.contains("new") is (job == "kept")
                if job == "new":
                    with pytest.raises(JobNotFoundError):
                        await repository.open(job, "rb")
                else:
                    async with await repository.open(job, "rb") as reader:
                        assert await reader.read() == b"old value"
            assert await self.get_raw(repository, job) == b"n" * size
        assert await repository.keys() == {"kept", "new"}

    @pytest.mark.requirement("blob.abort-leaves-nothing", "blob.abort-keeps-old")
    @pytest.mark.parametrize("size", _SIZES)
    async def test_a_writer_left_by_an_exception_leaves_no_trace(self, size: int) -> None:
        repository = await self._with_a_value()
        for job in ("new", "kept"):
            await write_and_abandon(await repository.open(job, "wb"), b"n" * size)
        await self._assert_untouched(repository)

    @pytest.mark.requirement("blob.abort-leaves-nothing", "blob.abort-keeps-old", "stream.text-close")
    async def test_a_text_writer_left_by_an_exception_leaves_no_trace(self) -> None:
        repository = await self._with_a_value()

        async def use(job: str) -> None:
            async with await repository.open(job, "w") as stream:
                await stream.write("half of a value" * 100_000)
                await stream.write("a lone surrogate \ud800")

        for job in ("new", "kept"):
            with pytest.raises(UnicodeEncodeError):
                await use(job)
        await self._assert_untouched(repository)

    async def test_what_is_no_bytes_is_a_type_error_and_leaves_no_trace(self) -> None:
        repository = await self._with_a_value()

        async def use(job: str, data: Any) -> None:
            async with await repository.open(job, "wb") as stream:
                await stream.write(b"half of a value")
                await stream.write(data)

        for job in ("new", "kept"):
            with pytest.raises(TypeError):
                await use(job, "text")
        await self._assert_untouched(repository)

    @pytest.mark.requirement("blob.abort-leaves-nothing", "blob.abort-keeps-old")
    @pytest.mark.parametrize("size", _SIZES)
    async def test_a_writer_cancelled_between_two_writes_leaves_no_trace(self, size: int) -> None:
        repository = await self._with_a_value()
        hangs = asyncio.Event()

        async def use(job: str) -> None:
            async with await repository.open(job, "wb") as stream:
                await stream.write(b"n" * size)
                hangs.set()
                await asyncio.Event().wait()

        for job in ("new", "kept"):
            hangs.clear()
            task = asyncio.create_task(use(job))
            await hangs.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await self._assert_untouched(repository)

    @pytest.mark.requirement("record.visible-whole", "blob.abort-keeps-old")
    @pytest.mark.parametrize("size", _SIZES)
    async def test_a_writer_cancelled_at_any_moment_leaves_the_old_value_or_the_new(self, size: int) -> None:
        repository = await self._with_a_value()
        new = b"n" * size

        async def use() -> None:
            async with await repository.open("kept", "wb") as stream:
                await stream.write(new)

        for turns in range(12):
            task = asyncio.create_task(use())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert await self.get_raw(repository, "kept") in (b"old value", new)
            assert await self.leftovers(repository) == []
            assert await repository.keys() == {"kept"}
