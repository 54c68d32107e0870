from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Coroutine
from typing import Any

import pytest

from pydatatask_core.errors import NotPicklableError
from pydatatask_storage import InProcessBlobRepository, InProcessBlobStream, InProcessMetadataRepository

EITHER = pytest.mark.parametrize("kind", [InProcessMetadataRepository, InProcessBlobRepository])
Kind = type[InProcessMetadataRepository] | type[InProcessBlobRepository]


@EITHER
@pytest.mark.requirement("memory.data", "memory.caller-dict-changes")
async def test_the_callers_dict_is_the_store(kind: Kind) -> None:
    data = {"first": b"value"}
    repository = kind(data)
    assert repository.data is data
    data["second"] = b"other"
    assert await repository.keys() == {"first", "second"}
    assert await repository.contains("second")
    await repository.delete("first")
    assert data == {"second": b"other"}
    assert await repository.revision() is None


@EITHER
async def test_without_a_dict_it_has_one_of_its_own(kind: Kind) -> None:
    one, two = kind(), kind()
    one.data["first"] = b"value"
    assert await one.keys() == {"first"}
    assert await two.keys() == set()
    assert isinstance(one.data, dict)


@EITHER
@pytest.mark.requirement("executor.in-process-pickle")
@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_copy_is_refused_since_what_is_written_to_it_would_be_lost(kind: Kind, way: object) -> None:
    assert callable(way)
    with pytest.raises(NotPicklableError, match=f"{kind.__name__}.*lost.*files") as caught:
        way(kind())
    assert isinstance(caught.value, TypeError)


@EITHER
async def test_changing_the_store_while_it_is_iterated_is_no_error(kind: Kind) -> None:
    repository = kind({"first": b"1", "second": b"2"})
    async for job in repository:
        await repository.delete(job)
        repository.data[f"{job}more"] = b"3"
    assert repository.data.keys() == {"firstmore", "secondmore"}


@EITHER
async def test_a_dict_of_ones_own_is_noticed_when_it_is_replaced(kind: Kind) -> None:
    repository = kind()
    before = await repository.revision()
    repository.data = {"first": b"value"}
    assert await repository.revision() is None
    assert await repository.keys() == {"first"}
    assert before is not None


@pytest.mark.requirement("memory.info-absent", "record.memory-takes-all")
async def test_any_object_is_a_record_and_stays_the_same() -> None:
    repository = InProcessMetadataRepository()
    record = object()
    await repository.dump("first", record)
    assert await repository.info("first") is record
    assert repository.data == {"first": record}
    assert await repository.info("absent") is None


@pytest.mark.requirement("memory.blob-info")
async def test_a_blob_gives_no_templating_information() -> None:
    repository = InProcessBlobRepository({"first": b"value"})
    for job in ("first", "absent"):
        info: object = repository.info(job)
        assert isinstance(info, Coroutine)
        assert await info is None
    assert await repository.info_all() == {"first": None}


@pytest.mark.requirement("stream.memory-blob")
async def test_the_binary_modes_give_the_documented_stream() -> None:
    repository = InProcessBlobRepository()
    writer = await repository.open("first", "wb")
    assert isinstance(writer, InProcessBlobStream)
    await writer.write(b"va")
    await writer.write(b"lue")
    assert repository.data == {}
    await writer.close()
    assert repository.data == {"first": b"value"}
    reader = await repository.open("first", "rb")
    assert isinstance(reader, InProcessBlobStream)
    assert [await reader.read(2), await reader.read(2), await reader.read(), await reader.read()] == [
        b"va",
        b"lu",
        b"e",
        b"",
    ]


async def test_a_reader_does_not_bring_back_what_was_deleted_meanwhile() -> None:
    repository = InProcessBlobRepository({"first": b"value"})
    async with await repository.open("first", "rb") as stream:
        await repository.delete("first")
        assert await stream.read() == b"value"
    assert repository.data == {}


async def test_a_stream_does_only_what_it_was_opened_for() -> None:
    repository = InProcessBlobRepository({"first": b"value"})
    reader, writer = await repository.open("first", "rb"), await repository.open("first", "wb")
    assert isinstance(reader, InProcessBlobStream)
    assert isinstance(writer, InProcessBlobStream)
    with pytest.raises(io.UnsupportedOperation, match="'rb'"):
        await reader.write(b"more")
    with pytest.raises(io.UnsupportedOperation, match="'wb'"):
        await writer.read()
    await reader.close()
    await writer.abort()
    assert repository.data == {"first": b"value"}


@pytest.mark.requirement("stream.memory-blob")
async def test_a_stream_made_by_hand_reads_and_writes() -> None:
    repository = InProcessBlobRepository({"first": b"old"})
    async with InProcessBlobStream(repository, "first") as stream:
        assert await stream.read() == b"old"
        await stream.write(b"new")
        assert repository.data == {"first": b"old"}
    assert repository.data == {"first": b"new"}
    async with InProcessBlobStream(repository, "absent") as stream:
        assert await stream.read() == b""
    assert repository.data == {"first": b"new"}


async def test_bytes_that_change_after_they_were_written_do_not_change_the_value() -> None:
    repository = InProcessBlobRepository()
    data: Any = bytearray(b"value")
    async with await repository.open("first", "wb") as stream:
        await stream.write(data)
        data[:] = b"other"
    assert repository.data == {"first": b"value"}
