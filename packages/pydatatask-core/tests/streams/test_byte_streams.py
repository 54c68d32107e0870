from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, assert_type

import pytest
from core_stream_doubles import ListReader, ListWriter
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream, async_copyfile


@pytest.mark.requirement("stream.write-protocol")
async def test_closing_commits_what_was_written() -> None:
    writer = ListWriter(b"old")
    await writer.write(b"one ")
    await writer.write(b"two")
    assert writer.value == b"old"
    await writer.close()
    assert writer.value == b"one two"
    assert writer.closed


@pytest.mark.requirement("stream.write-protocol")
async def test_leaving_the_block_normally_commits_once_however_often_it_is_closed() -> None:
    writer = ListWriter()
    async with writer as stream:
        await stream.write(b"x")
        await stream.close()
        await stream.close()
    assert writer.steps == ["stage", "commit"]
    assert writer.value == b"x"


@pytest.mark.requirement("stream.write-protocol")
async def test_leaving_the_block_by_an_exception_keeps_the_old_value() -> None:
    writer = ListWriter(b"old")

    async def use() -> None:
        async with writer as stream:
            await stream.write(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()
    assert writer.value == b"old"
    assert writer.steps == ["stage", "discard"]


async def test_an_exception_after_an_explicit_close_does_not_take_the_commit_back() -> None:
    writer = ListWriter(b"old")

    async def use() -> None:
        async with writer as stream:
            await stream.write(b"new")
            await stream.close()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()
    assert writer.value == b"new"
    assert writer.steps == ["stage", "commit"]


async def test_abort_keeps_the_old_value_and_closes_the_stream() -> None:
    writer = ListWriter(b"old")
    await writer.write(b"new")
    await writer.abort()
    await writer.abort()
    await writer.close()
    assert writer.value == b"old"
    assert writer.steps == ["stage", "discard"]


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_writing_to_a_closed_stream_is_a_value_error(end: str) -> None:
    writer = ListWriter()
    await (writer.close() if end == "close" else writer.abort())
    with pytest.raises(ValueError, match="closed"):
        await writer.write(b"late")
    assert "stage" not in writer.steps


async def test_a_write_that_fails_cannot_be_committed_afterwards() -> None:
    writer = ListWriter(b"old", failing={"stage": OSError("disk full")})
    with pytest.raises(OSError, match="disk full"):
        await writer.write(b"half")
    await writer.close()
    assert writer.value == b"old"
    assert writer.steps == ["stage", "discard"]


async def test_a_commit_that_fails_discards_and_raises() -> None:
    writer = ListWriter(b"old", failing={"commit": OSError("disk full")})
    with pytest.raises(OSError, match="disk full"):
        async with writer:
            await writer.write(b"new")
    assert writer.value == b"old"
    assert writer.steps == ["stage", "commit", "discard"]


@pytest.mark.parametrize("step", ["stage", "commit"])
async def test_a_write_or_commit_that_is_cancelled_discards(step: str) -> None:
    writer = ListWriter(b"old")
    writer.hanging = step

    async def use() -> None:
        async with writer:
            await writer.write(b"new")

    task = asyncio.create_task(use())
    await writer.hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert writer.value == b"old"
    assert writer.steps[-1] == "discard"
    assert writer.steps.count("discard") == 1


async def test_a_cancelled_write_cannot_be_committed_afterwards() -> None:
    writer = ListWriter(b"old")
    writer.hanging = "stage"
    task = asyncio.create_task(writer.write(b"half"))
    await writer.hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await writer.close()
    assert writer.value == b"old"
    assert writer.steps == ["stage", "discard"]


async def test_a_failing_discard_does_not_hide_the_error_that_led_to_it(caplog: pytest.LogCaptureFixture) -> None:
    writer = ListWriter(failing={"stage": ZeroDivisionError("first"), "discard": OSError("second")})
    with caplog.at_level(logging.ERROR, "pydatatask.repository"), pytest.raises(ZeroDivisionError, match="first"):
        async with writer:
            await writer.write(b"new")
    assert "second" in caplog.text


async def test_a_failing_explicit_abort_is_raised() -> None:
    writer = ListWriter(failing={"discard": OSError("gone")})
    with pytest.raises(OSError, match="gone"):
        await writer.abort()


@pytest.mark.requirement("stream.read-protocol")
async def test_a_reader_is_closed_however_its_block_is_left() -> None:
    reader = ListReader([b"x"])
    async with reader as stream:
        assert stream is reader
    with pytest.raises(ZeroDivisionError):
        async with reader:
            raise ZeroDivisionError
    assert reader.closes == 2


@pytest.mark.requirement("stream.copy-bytes", "stream.read-protocol")
@given(pieces=st.lists(st.binary(max_size=20), max_size=10), blocksize=st.integers(1, 25))
def test_copying_copies_everything_in_bounded_blocks(pieces: list[bytes], blocksize: int) -> None:
    async def copy() -> None:
        reader, writer = ListReader(pieces), ListWriter()
        async with reader as src, writer as dst:
            await async_copyfile(src, dst, blocksize)
            assert writer.value is None
        assert set(reader.asked) == {blocksize}
        assert writer.value == b"".join(pieces)

    asyncio.run(copy())


async def test_copying_in_blocks_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="blocksize"):
        await async_copyfile(ListReader([b"x"]), ListWriter(), 0)


if TYPE_CHECKING:

    async def bases_and_protocols_agree(reader: ListReader, writer: ListWriter) -> None:
        plain: tuple[AReadStream, AWriteStream] = (reader, writer)
        async with plain[0] as src, plain[1] as dst, reader as own:
            assert_type(src, AReadStream)
            assert_type(dst, AWriteStream)
            assert_type(own, ListReader)
