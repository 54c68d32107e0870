"""Whatever bytes are found in a file of records, they are a record or an error that names them."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pydatatask_core.errors import BrokenRecordError
from pydatatask_storage import YamlMetadataFileRepository
from pydatatask_storage.yaml.bounded_loader import safe_loader
from pydatatask_storage.yaml.serialization import load_record

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
    record: Any = load_record("\n".join(lines[:17]), "the record")
    assert record["a16"][0] is record["a16"][1]
    assert "its aliases repeat more than 1,000,000 items" in complaint("\n".join(lines))


def test_merges_of_merges_are_refused_before_they_fill_the_memory() -> None:
    lines = ["a0: &a0 {x: 1, y: 2}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60))]
    assert "its aliases repeat more than 1,000,000 items" in complaint("\n".join(lines))
    assert complaint("\n".join(lines[:15])) == ""


@pytest.mark.parametrize("number", ["1" + ":1" * 2_000_000, "1" * 2_000_000, "0x" + "1" * 2_000_000])
def test_an_endless_number_is_refused_at_once(number: str) -> None:
    assert "is no valid YAML: it has a number of more than 4,300 digits" in complaint(f"a: {number}")


def test_merges_and_numbers_in_base_60_mean_what_they_always_did() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 4}, *a]}\nd: 1:30:00\n"
    expected = {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 4, "y": 2}, "d": 5400}
    assert load_record(text, "the record") == yaml.safe_load(text) == expected
    assert yaml.load(text, Loader=safe_loader(fast=False)) == expected


@pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "&a {<<: *a, x: 1}"])
def test_a_record_that_contains_itself_ends(text: str) -> None:
    load_record(text, "the record")
