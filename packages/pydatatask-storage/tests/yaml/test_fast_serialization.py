from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_storage.yaml.fast_serialization import usual_text

WORDS = st.text("abfnotrusylec_XYZ019", max_size=8) | st.sampled_from(
    ["Yes", "NO", "on", "OFF", "True", "false", "null", "NULL", "_", "e1", "nan", "inf", "y", "n", "x" * 40, "x" * 41]
)
IDS = st.uuids().map(str) | st.text("0123456789e", min_size=32, max_size=32).map(
    lambda text: "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
)
PROCESSES = st.builds(
    "{}:{}.{:02}:{}{}".format,
    st.integers(0, 2**22),
    st.integers(0, 10**9),
    st.integers(0, 99),
    IDS,
    st.just("") | st.text("+-.:ab1 \n", max_size=120).map("+{}".format),
)
CLAIMS = IDS | PROCESSES
MINUTES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SECONDS = st.integers(-80_000, 80_000).map(lambda seconds: timezone(timedelta(seconds=seconds)))
TIMES = st.datetimes(timezones=st.none() | st.just(UTC) | MINUTES | SECONDS)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS | TIMES | CLAIMS
DUMPERS = pytest.mark.parametrize("dumper", [yaml.SafeDumper, yaml.CSafeDumper])


def dumped(record: Any, dumper: Any) -> str:
    text: str = yaml.dump(record, Dumper=dumper, sort_keys=False, allow_unicode=True)
    return text


@DUMPERS
@given(record=st.dictionaries(WORDS | st.text(max_size=3), VALUES, max_size=6))
def test_what_is_written_fast_is_what_the_dumper_writes(dumper: Any, record: dict[str, Any]) -> None:
    text = usual_text(record)
    assert text is None or text == dumped(record, dumper)


@DUMPERS
@given(record=st.dictionaries(st.sampled_from(["result", "start_time"]), WORDS | TIMES, min_size=1), again=TIMES)
def test_a_time_that_stands_there_twice_is_left_to_the_dumper(dumper: Any, record: dict[str, Any], again: Any) -> None:
    record |= {"one": again, "two": again}
    text = usual_text(record)
    assert text is None
    record["two"] = again.replace()
    text = usual_text(record)
    assert text is None or text == dumped(record, dumper)


@pytest.mark.parametrize(
    "record",
    [
        {"result": "success", "start_time": datetime.now(UTC), "end_time": datetime.now(UTC)},
        {"return_code": 0, "start_time": datetime.now(UTC), "end_time": datetime.now(UTC)},
        {"return_code": None, "start_time": datetime(2024, 2, 29), "killed": True},
        {"attempt": 1, "claim": "714:9012.34:6f1c2a7e-1c1e-4e6c-8a3e-0123456789ab+4026531836+host.example-0a1b2c"},
        {"attempt": 1, "claim": "12345678-1234-1234-1234-123456789012"},
    ],
)
def test_the_usual_records_are_written_fast(record: dict[str, Any]) -> None:
    text = usual_text(record)
    assert text == dumped(record, yaml.SafeDumper)
    assert yaml.safe_load(text) == record


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        OrderedDict(a=1),
        {1: 2},
        {"a": [1]},
        {"a": {"b": 1}},
        {"a": 1.5},
        {"a": "two words"},
        {"a": object()},
        {"yes": 1},
        {"a": "Null"},
        {str(number): number for number in range(17)},
    ],
)
def test_other_shapes_are_left_to_the_dumper(record: Any) -> None:
    assert usual_text(record) is None
