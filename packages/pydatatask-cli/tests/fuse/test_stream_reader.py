from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_cli.fuse.stream_reader import StreamReader
from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.streams.byte_streams import AReadStream
from pydatatask_storage.memory.blobs import InProcessBlobRepository

MIB = 1 << 20
VALUE = bytes(range(251)) * (5 * MIB // 251)


class Opener:
    def __init__(self, value: bytes) -> None:
        self.repository = InProcessBlobRepository({"job": value})
        self.times = 0

    async def __call__(self) -> AReadStream:
        self.times += 1
        return await self.repository.open("job", "rb")


@given(st.lists(st.tuples(st.integers(0, len(VALUE) + 10), st.integers(0, MIB)), max_size=6))
def test_any_reads_give_what_is_there(reads: list[tuple[int, int]]) -> None:
    async def read_all() -> None:
        reader = StreamReader(Opener(VALUE))
        for offset, size in reads:
            assert await reader.read(offset, size) == VALUE[offset : offset + size]
        await reader.close()

    asyncio.run(read_all())


async def test_reading_on_streams() -> None:
    opener = Opener(VALUE)
    reader = StreamReader(opener)
    await reader.open()
    pieces = [await reader.read(at, 100_000) for at in range(0, len(VALUE) + 100_000, 100_000)]
    assert b"".join(pieces) == VALUE
    assert opener.times == 1


async def test_reads_that_overtake_each_other_do_not_open_it_anew() -> None:
    opener = Opener(VALUE)
    reader = StreamReader(opener)
    offsets = [131072, 0, 393216, 262144]
    pieces = await asyncio.gather(*(reader.read(offset, 131072) for offset in offsets))
    assert list(pieces) == [VALUE[offset : offset + 131072] for offset in offsets]
    assert opener.times == 1


async def test_a_step_back_beyond_what_is_kept_opens_it_anew() -> None:
    opener = Opener(VALUE)
    reader = StreamReader(opener)
    await reader.read(4 * MIB, 10)
    assert await reader.read(0, 10) == VALUE[:10]
    assert opener.times == 2


async def test_opening_tells_at_once_that_there_is_nothing() -> None:
    opener = Opener(VALUE)
    del opener.repository.data["job"]
    with pytest.raises(JobNotFoundError):
        await StreamReader(opener).open()
