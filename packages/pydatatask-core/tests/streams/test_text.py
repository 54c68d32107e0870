from __future__ import annotations

import asyncio
import io
import logging
from typing import Any

import pytest
from core_stream_doubles import ListReader, ListWriter
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.streams.text import AReadText, AWriteText, async_copyfile_str

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32-le", "utf-7", "latin-1", "shift_jis", "iso2022_jp"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\r\n\u2028aä€𝄞\ufeff"), max_size=60)


@st.composite
def chunked(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


async def read_by(stream: AReadText, sizes: list[int | None]) -> list[str]:
    """Read with the sizes in turn until there is nothing more."""
    pieces: list[str] = []
    for turn in range(10_000):
        size = sizes[turn % len(sizes)]
        piece = await stream.read(size)
        pieces.append(piece)
        if not piece and size != 0:
            return pieces
    raise AssertionError("reading does not come to an end")


@pytest.mark.requirement("stream.text-read", "stream.text-read-moves-on", "stream.text-decoding")
@given(st.data())
def test_any_chunking_and_any_read_sizes_give_the_same_text(data: st.DataObject) -> None:
    encoding = data.draw(st.sampled_from(ENCODINGS))
    encoded = data.draw(TEXT).encode(encoding, "replace")
    text = encoded.decode(encoding)
    pieces = data.draw(chunked(encoded))
    sizes: list[int | None] = data.draw(st.lists(st.none() | st.integers(-1, 20), min_size=1, max_size=5))
    chunksize = data.draw(st.integers(1, 30))
    if set(sizes) == {0}:
        sizes.append(1)

    async def check() -> None:
        parts = await read_by(AReadText(ListReader(pieces), encoding, chunksize=chunksize), sizes)
        assert "".join(parts) == text
        at = 0
        for turn, part in enumerate(parts):  # every part is as long as was asked, but for the end
            size = sizes[turn % len(sizes)]
            wanted = len(text) - at if size is None or size < 0 else size
            assert len(part) == min(wanted, len(text) - at)
            at += len(part)

    asyncio.run(check())


@pytest.mark.requirement("stream.text-decoding", "stream.text-truncated")
@given(st.data())
def test_malformed_bytes_raise_under_strict_and_are_replaced_on_demand(data: st.DataObject) -> None:
    encoded = data.draw(st.binary(max_size=40))
    pieces = data.draw(chunked(encoded))
    size = data.draw(st.none() | st.integers(1, 9))

    async def check() -> None:
        lenient = AReadText(ListReader(pieces), errors="replace", chunksize=3)
        assert "".join(await read_by(lenient, [size])) == encoded.decode(errors="replace")
        strict = AReadText(ListReader(pieces), chunksize=3)
        try:
            text = encoded.decode()
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                await read_by(strict, [size])
        else:
            assert "".join(await read_by(strict, [size])) == text

    asyncio.run(check())


@pytest.mark.requirement("stream.text-truncated")
async def test_bytes_that_end_amid_a_character_are_an_error_that_stays() -> None:
    stream = AReadText(ListReader([b"a\xe2", b"\x82"]))
    assert await stream.read(1) == "a"
    for size in (1, None, 0, 1):
        with pytest.raises(UnicodeDecodeError):
            await stream.read(size)


async def test_reading_nothing_neither_reads_nor_moves() -> None:
    base = ListReader([b"abc"])
    stream = AReadText(base)
    assert await stream.read(0) == ""
    assert base.asked == []
    assert await stream.read() == "abc"


@pytest.mark.requirement("stream.text-read-moves-on")
async def test_read_n_moves_on_and_is_empty_only_at_the_end() -> None:
    stream = AReadText(ListReader([b"a", b"b", b"c", b"d", b"e"]))
    assert [await stream.read(2) for _ in range(5)] == ["ab", "cd", "e", "", ""]


async def test_read_n_holds_no_more_than_n_and_a_chunk() -> None:
    base = ListReader([b"x" * 1_000_000])
    stream = AReadText(base, chunksize=100)
    assert await stream.read(10) == "x" * 10
    assert await stream.read(5_000) == "x" * 5_000
    assert sum(len(piece) for piece in base.pieces) >= 1_000_000 - 5_010 - 100
    assert len(base.asked) <= 3  # large reads ask the base for much at once


async def test_no_newline_is_translated() -> None:
    assert await AReadText(ListReader([b"a\r", b"\nb\rc\n"])).read() == "a\r\nb\rc\n"
    writer = ListWriter()
    async with AWriteText(writer) as stream:
        await stream.write("a\r\nb\n")
    assert writer.value == b"a\r\nb\n"


async def test_a_cancelled_read_loses_nothing() -> None:
    base = ListReader([b"ab", b"cd", b"ef"])
    stream = AReadText(base)
    base.hang_after = 2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await stream.read(6)
    base.hang_after = None
    assert await stream.read() == "abcdef"


@pytest.mark.requirement("stream.text-close")
async def test_reading_from_a_closed_stream_is_a_value_error() -> None:
    base = ListReader([b"x"])
    stream = AReadText(base)
    await stream.close()
    await stream.close()
    assert base.closes == 1
    with pytest.raises(ValueError, match="closed"):
        await stream.read()


@pytest.mark.requirement("stream.text-close")
async def test_leaving_the_block_closes_the_base() -> None:
    base = ListReader([b"x"])
    async with AReadText(base) as stream:
        assert await stream.read(1) == "x"
    assert base.closes == 1
    with pytest.raises(ValueError, match="closed"):
        await stream.read(1)


@pytest.mark.requirement("stream.text-write")
@given(parts=st.lists(TEXT, max_size=6), encoding=st.sampled_from(ENCODINGS))
def test_text_in_parts_is_encoded_as_the_whole_would_be(parts: list[str], encoding: str) -> None:
    async def write() -> bytes | None:
        writer = ListWriter()
        async with AWriteText(writer, encoding, "replace") as stream:
            for part in parts:
                await stream.write(part)
        return writer.value

    expected = io.BytesIO()
    wrapper = io.TextIOWrapper(expected, encoding, "replace", newline="")
    for part in ["", *parts]:
        wrapper.write(part)
    wrapper.flush()
    written = asyncio.run(write())
    assert written is not None
    # An escape character that stands alone is written as it is, and cannot be read again.
    assert written.decode(encoding, "replace") == expected.getvalue().decode(encoding, "replace")


@pytest.mark.requirement("stream.text-write")
@pytest.mark.parametrize("closing", ["close", "block"])
async def test_what_the_encoder_keeps_back_is_written_at_the_end(closing: str) -> None:
    writer = ListWriter()
    stream = AWriteText(writer, "iso2022_jp")
    if closing == "close":
        await stream.write("日")
        await stream.close()
    else:
        async with stream:
            await stream.write("日")
    assert writer.value == "日".encode("iso2022_jp")


@pytest.mark.requirement("stream.text-close")
async def test_an_exception_in_the_block_aborts_the_base() -> None:
    writer = ListWriter(b"old")

    async def use() -> None:
        async with AWriteText(writer) as stream:
            await stream.write("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()
    assert writer.value == b"old"
    assert writer.steps == ["stage", "discard"]


@pytest.mark.requirement("stream.text-close")
async def test_cancellation_in_the_block_aborts_the_base() -> None:
    writer = ListWriter(b"old")
    writer.hanging = "stage"

    async def use() -> None:
        async with AWriteText(writer) as stream:
            await stream.write("new")

    task = asyncio.create_task(use())
    await writer.hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert writer.value == b"old"
    assert writer.steps == ["stage", "discard"]


@pytest.mark.requirement("stream.text-write")
async def test_a_surrogate_is_an_error_after_which_nothing_is_committed() -> None:
    writer = ListWriter(b"old")
    stream = AWriteText(writer)
    await stream.write("fine")
    with pytest.raises(UnicodeEncodeError):
        await stream.write("\ud800")
    await stream.close()
    assert writer.value == b"old"
    with pytest.raises(ValueError, match="closed"):
        await stream.write("more")


async def test_a_last_write_that_fails_aborts_the_base() -> None:
    writer = ListWriter(b"old")

    async def use() -> None:
        async with AWriteText(writer, "iso2022_jp") as stream:
            await stream.write("日")
            writer.failing["stage"] = OSError("full")

    with pytest.raises(OSError, match="full"):
        await use()
    assert writer.value == b"old"


async def test_only_strings_can_be_written() -> None:
    data: Any = b"bytes"
    with pytest.raises(TypeError, match="takes str, not bytes"):
        await AWriteText(ListWriter()).write(data)


@pytest.mark.parametrize(("encoding", "errors"), [("no-such", "strict"), ("utf-8", "no-such")])
async def test_an_unknown_encoding_or_handler_is_an_error_at_once(encoding: str, errors: str) -> None:
    with pytest.raises(LookupError, match="no-such"):
        AReadText(ListReader([]), encoding, errors)
    with pytest.raises(LookupError, match="no-such"):
        AWriteText(ListWriter(), encoding, errors)


async def test_a_chunk_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="chunksize"):
        AReadText(ListReader([]), chunksize=0)


@pytest.mark.requirement("stream.copy-text")
@given(text=TEXT, blocksize=st.integers(1, 20))
def test_copying_text_recodes_all_of_it(text: str, blocksize: int) -> None:
    async def copy() -> bytes | None:
        writer = ListWriter()
        async with AReadText(ListReader([text.encode()])) as src, AWriteText(writer, "utf-16-le") as dst:
            await async_copyfile_str(src, dst, blocksize)
        return writer.value

    assert asyncio.run(copy()) == text.encode("utf-16-le")


async def test_copying_text_in_blocks_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="blocksize"):
        await async_copyfile_str(AReadText(ListReader([b"x"])), AWriteText(ListWriter()), 0)


async def test_nothing_is_logged_when_all_goes_well(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "pydatatask"):
        async with AWriteText(ListWriter()) as stream:
            await stream.write("x")
    assert not caplog.records
