"""Whatever bytes are found in a file of records, they are a record or an error that names them."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pydatatask_core.errors import BrokenRecordError
from pydatatask_storage import YamlMetadataFileRepository
from pydatatask_storage.yaml_records import load_record

MARKS = [
    "a",
    "1",
    ": ",
    "- ",
    "? ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&x ",
    "*x",
    "<<: ",
    "!!",
    "!!int ",
    "!!set ",
    "!!binary ",
]
MARKS += [
    "!!omap ",
    "!!timestamp ",
    "!!float ",
    "|\n",
    ">-\n",
    "'",
    '"',
    "\\",
    "#",
    "%YAML 1.1\n",
    "---\n",
    "...\n",
    "~",
    "\t",
    "\0",
]
MARKS += [
    "0x",
    "1e400",
    ".inf",
    "2001-12-14",
    "190:20:30",
    "2001-12-14t21:59:43.10-05:00",
    "=",
    "!",
    "\ufeff",
    "\u2028",
    "é",
]
YAML_LIKE = st.lists(st.sampled_from(MARKS), max_size=25).map("".join)
DEEP = "{a: " * 100_000


def complaint(data: bytes | str) -> str:
    try:
        load_record(data, "the record")
    except BrokenRecordError as error:
        return str(error)
    return ""


@pytest.mark.fuzz
@settings(max_examples=300)
@given(YAML_LIKE | st.text() | st.binary())
@example(DEEP)
@example("[" * 100_000)
@example("- " * 100_000)
@example("1:" * 5_000 + "1")
@example("9" * 5_000)
def test_it_is_a_record_or_a_broken_one(data: bytes | str) -> None:
    assert "\n" not in complaint(data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(good=st.integers(), bad=YAML_LIKE | st.binary())
def test_a_broken_record_is_there_and_hides_no_other(good: int, bad: bytes | str, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(str(good))
    (tmp_path / "bad.yaml").write_bytes(bad if isinstance(bad, bytes) else bad.encode())
    asyncio.run(look(YamlMetadataFileRepository(tmp_path), good))


async def look(records: YamlMetadataFileRepository, good: int) -> None:
    assert {job async for job in records} == {"good", "bad"}
    assert await records.contains("bad")
    assert await records.info("good") == good
    with contextlib.suppress(BrokenRecordError):  # that it names the record is shown elsewhere
        await records.info("bad")


def test_aliases_of_aliases_are_shared_and_not_copied() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
    record: Any = load_record("\n".join(lines), "the record")
    assert record["a59"][0] is record["a59"][1]


@pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}"])
def test_a_record_that_contains_itself_ends(text: str) -> None:
    load_record(text, "the record")
