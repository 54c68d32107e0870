"""Tests of reading and writing blobs."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Any, TypeVar

import pytest
from typing_extensions import override

from pydatatask_core.errors import InvalidJobIdError, JobNotFoundError
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.streams.byte_streams import async_copyfile
from pydatatask_core.streams.text import AReadText, AWriteText
from pydatatask_core.testing.hooks import RepositoryHooks
from pydatatask_core.testing.stream_helpers import read_in_pieces

__all__ = ["BlobHooks", "BlobTests"]

B = TypeVar("B", bound=BlobRepository)

_LARGE = bytes(range(251)) * 1_500
"""A value larger than the buffers of streams."""


class BlobHooks(RepositoryHooks[B]):
    """Side-door access to blobs."""

    @abstractmethod
    async def put_raw(self, repository: B, job: str, data: bytes) -> None:
        """Put a value into the store by the side door.

        :param repository: The repository.
        :param job: The job, or one of :attr:`invalid_ids`.
        :param data: The value.
        """

    @abstractmethod
    async def get_raw(self, repository: B, job: str) -> bytes | None:
        """Return a job's value by the side door, or None if it has none.

        :param repository: The repository.
        :param job: The job.
        """

    @override
    async def put(self, repository: B, job: str) -> None:
        await self.put_raw(repository, job, f"value of {job}".encode())


class BlobTests(BlobHooks[B]):
    """Tests of reading and writing blobs; those of abandoned writers are in :mod:`.unfinished_writer_tests`."""

    @pytest.mark.requirement("blob.open-awaited", "blob.mode-default", "blob.text-utf8")
    async def test_reads_text_as_utf_8(self) -> None:
        repository = await self.make_repository()
        await self.put_raw(repository, "first", "grüße, 世界 🦉\r\n".encode())
        async with await repository.open("first") as stream:
            assert isinstance(stream, AReadText)
            assert await stream.read(4) == "grüß"
            assert await stream.read() == "e, 世界 🦉\r\n"
        async with await repository.open("first", "r") as stream:
            assert await stream.read() == "grüße, 世界 🦉\r\n"

    async def test_reads_bytes_as_they_are(self) -> None:
        repository = await self.make_repository()
        await self.put_raw(repository, "first", b"\x00\xff\r\n")
        async with await repository.open("first", "rb") as stream:
            assert await stream.read() == b"\x00\xff\r\n"
            assert await stream.read() == b""
            assert await stream.read(1) == b""

    @pytest.mark.requirement("blob.text-utf8")
    async def test_writes_text_as_utf_8(self) -> None:
        repository = await self.make_repository()
        async with await repository.open("first", "w") as stream:
            assert isinstance(stream, AWriteText)
            await stream.write("grüße, ")
            await stream.write("🦉\r\n")
        assert await self.get_raw(repository, "first") == "grüße, 🦉\r\n".encode()

    async def test_writes_bytes_as_they_are(self) -> None:
        repository = await self.make_repository()
        async with await repository.open("first", "wb") as stream:
            for data in (b"\x00", b"", b"\xff\r\n"):
                await stream.write(data)
        assert await self.get_raw(repository, "first") == b"\x00\xff\r\n"

    async def test_an_empty_value_is_a_value(self) -> None:
        repository = await self.make_repository()
        async with await repository.open("first", "wb"):
            pass
        assert await repository.contains("first")
        assert await self.get_raw(repository, "first") == b""
        async with await repository.open("first", "rb") as stream:
            assert await stream.read() == b""
            assert await stream.read(10) == b""

    @pytest.mark.requirement("blob.read-up-to", "blob.read-rest")
    @pytest.mark.parametrize("n", [1000, 4096, 262_144, 1_000_000])
    async def test_reading_goes_on_where_it_stopped(self, n: int) -> None:
        repository = await self.make_repository()
        await self.put_raw(repository, "first", _LARGE)
        async with await repository.open("first", "rb") as stream:
            assert b"".join(await read_in_pieces(stream, n)) == _LARGE
        async with await repository.open("first", "rb") as stream:
            assert await stream.read(0) == b""
            begin = await stream.read(n)
            assert 0 < len(begin) <= n
            assert begin + await stream.read() == _LARGE

    @pytest.mark.requirement("blob.bounded-memory")
    async def test_a_value_larger_than_a_piece_is_copied_piece_by_piece(self) -> None:
        repository = await self.make_repository()
        await self.put_raw(repository, "first", _LARGE * 10)
        async with await repository.open("first", "rb") as source, await repository.open("second", "wb") as target:
            await async_copyfile(source, target, 65_536)
        assert await self.get_raw(repository, "second") == _LARGE * 10

    async def test_one_write_may_be_large(self) -> None:
        repository = await self.make_repository()
        async with await repository.open("first", "wb") as stream:
            await stream.write(b"begin")
            await stream.write(_LARGE * 10)
            await stream.write(b"end")
        assert await self.get_raw(repository, "first") == b"begin" + _LARGE * 10 + b"end"

    @pytest.mark.requirement("blob.mode-unknown")
    @pytest.mark.parametrize("mode", ["", "a", "x", "rw", "r+", "br", "wt"])
    async def test_an_unknown_mode_is_a_value_error(self, mode: Any) -> None:
        repository = await self.make_repository()
        await self.put_raw(repository, "first", b"value")
        with pytest.raises(ValueError, match="mode"):
            await repository.open("first", mode)
        assert await self.get_raw(repository, "first") == b"value"

    @pytest.mark.requirement("blob.read-absent")
    @pytest.mark.parametrize("mode", ["r", "rb"])
    async def test_opening_an_absent_job_for_reading_is_a_key_error_and_a_file_not_found_error(self, mode: Any) -> None:
        repository = await self.make_repository()
        with pytest.raises(JobNotFoundError) as caught:
            await repository.open("absent", mode)
        assert isinstance(caught.value, KeyError)
        assert isinstance(caught.value, FileNotFoundError)
        assert "absent" in str(caught.value)

    @pytest.mark.requirement("ids.write-invalid", "ids.read-invalid")
    @pytest.mark.parametrize("mode", ["r", "rb", "w", "wb"])
    async def test_opening_what_is_no_job_id_is_a_key_error_that_names_it(self, mode: Any) -> None:
        repository = await self.make_repository()
        await self.put_raw(repository, self.invalid_ids[0], b"value")
        for job in ("", self.invalid_ids[0]):
            with pytest.raises(InvalidJobIdError) as caught:
                await repository.open(job, mode)
            assert isinstance(caught.value, KeyError)
            assert repr(job) in str(caught.value)
        assert await self.get_raw(repository, self.invalid_ids[0]) == b"value"

    async def test_a_shorter_value_replaces_a_longer_one_whole(self) -> None:
        repository = await self.make_repository()
        await self.put_raw(repository, "first", b"a long value")
        async with await repository.open("first", "wb") as stream:
            await stream.write(b"short")
        assert await self.get_raw(repository, "first") == b"short"

    async def test_of_concurrent_writers_the_last_to_close_wins_whole(self) -> None:
        repository = await self.make_repository()
        one, two = await repository.open("first", "wb"), await repository.open("first", "wb")
        for _ in range(3):
            await asyncio.gather(one.write(b"one" * 50_000), two.write(b"two" * 70_000))
        await two.close()
        assert await self.get_raw(repository, "first") == b"two" * 210_000
        await one.close()
        assert await self.get_raw(repository, "first") == b"one" * 150_000
        assert await self.leftovers(repository) == []

    async def test_a_closed_stream_can_be_closed_again_but_not_used(self) -> None:
        repository = await self.make_repository()
        writer = await repository.open("first", "wb")
        await writer.write(b"value")
        await writer.close()
        await writer.close()
        with pytest.raises(ValueError, match="closed"):
            await writer.write(b"more")
        reader = await repository.open("first", "rb")
        await reader.close()
        await reader.close()
        with pytest.raises(ValueError, match="closed"):
            await reader.read()
        assert await self.get_raw(repository, "first") == b"value"

    async def test_a_deleted_value_cannot_be_read(self) -> None:
        repository = await self.make_repository()
        await self.put_raw(repository, "first", b"value")
        await repository.delete("first")
        if self.deletes:
            with pytest.raises(JobNotFoundError):
                await repository.open("first", "rb")
