from __future__ import annotations

import asyncio
import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_cli.fuse.errors import Refusal
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


async def test_reads_that_overtake_each_other_do_not_reopen_it() -> None:
    opener = Opener(VALUE)
    reader = StreamReader(opener)
    offsets = [131072, 0, 393216, 262144]
    pieces = await asyncio.gather(*(reader.read(offset, 131072) for offset in offsets))
    assert list(pieces) == [VALUE[offset : offset + 131072] for offset in offsets]
    assert opener.times == 1


async def test_a_step_back_beyond_what_is_kept_reopens_it() -> None:
    opener = Opener(VALUE)
    reader = StreamReader(opener)
    for at in range(0, 4 * MIB, MIB):
        await reader.read(at, MIB)
    assert await reader.read(0, 10) == VALUE[:10]
    assert opener.times == 2
    for at in (3 * MIB, 10, len(VALUE) - 5):  # and only once
        assert await reader.read(at, 10) == VALUE[at : at + 10]
    assert opener.times == 2
    await reader.close()


@pytest.mark.requirement("fuse.one-value")
async def test_a_program_that_jumps_about_reads_the_value_that_it_opened() -> None:
    opener = Opener(VALUE)
    reader = StreamReader(opener)
    await reader.open()
    assert await reader.read(4 * MIB, 10) == VALUE[4 * MIB : 4 * MIB + 10]
    opener.repository.data["job"] = b"B" * len(VALUE)
    for at in (MIB, 0, len(VALUE) - 5):
        assert await reader.read(at, 10) == VALUE[at : at + 10]
    assert opener.times == 1
    await reader.close()


@pytest.mark.requirement("fuse.one-value")
@pytest.mark.parametrize("new", [b"B" * len(VALUE), VALUE[:MIB], VALUE[:-1] + b"B", b""])
async def test_a_step_back_never_mixes_two_values(new: bytes) -> None:
    opener = Opener(VALUE)
    reader = StreamReader(opener)
    for at in range(0, len(VALUE) + MIB, MIB):
        await reader.read(at, MIB)
    opener.repository.data["job"] = new
    with pytest.raises(Refusal, check=lambda error: error.number == errno.ESTALE):
        await reader.read(0, 10)
    with pytest.raises(Refusal, check=lambda error: error.number == errno.ESTALE):
        await reader.read(0, 10)
    await reader.close()


@pytest.mark.requirement("fuse.one-value")
async def test_after_a_step_back_the_rest_is_of_the_value_that_was_opened() -> None:
    opener = Opener(VALUE)
    reader = StreamReader(opener)
    for at in range(0, 3 * MIB, MIB):
        await reader.read(at, MIB)
    opener.repository.data["job"] = VALUE[: 3 * MIB] + b"B" * (len(VALUE) - 3 * MIB)
    assert await reader.read(0, 10) == VALUE[:10]
    assert await reader.read(4 * MIB, 10) == VALUE[4 * MIB : 4 * MIB + 10]
    await reader.close()


async def test_opening_tells_at_once_that_there_is_nothing() -> None:
    opener = Opener(VALUE)
    del opener.repository.data["job"]
    with pytest.raises(JobNotFoundError):
        await StreamReader(opener).open()
