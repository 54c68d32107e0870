from __future__ import annotations

import math
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core.errors import BrokenRecordError, RecordTypeError
from pydatatask_core.testing import yaml_records
from pydatatask_storage.yaml.serialization import dump_record, load_record

NAME = "the record of job 'first' of place"


class Colour(StrEnum):
    RED = "red"


@given(yaml_records())
def test_what_was_dumped_is_loaded_again(record: Any) -> None:
    assert load_record(dump_record(record, NAME), NAME) == record


@given(yaml_records())
def test_any_safe_loader_reads_it(record: Any) -> None:
    assert yaml.safe_load(dump_record(record, NAME)) == record


@pytest.mark.parametrize(
    "record",
    [
        None,
        True,
        0,
        -1.5,
        "",
        "text",
        [],
        {},
        [1, [2]],
        date(2024, 2, 29),
        datetime(2024, 2, 29, 1, 2, 3, 4),
        {"a", "b"},
    ],
)
def test_a_record_need_not_be_a_mapping(record: Any) -> None:
    assert load_record(dump_record(record, NAME), NAME) == record


def test_infinite_numbers_are_numbers() -> None:
    record = load_record(dump_record([math.inf, -math.inf, math.nan], NAME), NAME)
    assert record[:2] == [math.inf, -math.inf]
    assert math.isnan(record[2])


def test_text_stays_readable_and_in_order() -> None:
    text = dump_record({"zuerst": "Grüße", "danach": ["世界"]}, NAME).decode("utf-8")
    assert text == "zuerst: Grüße\ndanach:\n- 世界\n"


@pytest.mark.requirement("yaml.safe", "record.yaml-types")
@pytest.mark.parametrize(
    "record",
    [
        object(),
        {"a": {"b": [object()]}},
        OrderedDict(a=1),
        Colour.RED,
        1j,
        ValueError("text"),
        range(3),
        len,
        "\ud800",
        {"a": "\udcff"},
        {(1, 2): "a key that no loader takes"},
        datetime(2024, 2, 29, tzinfo=timezone(timedelta(seconds=30))),
        [10**5000],
    ],
)
def test_what_the_safe_dumper_does_not_take_or_the_loader_not_read_is_a_type_error(record: Any) -> None:
    with pytest.raises(
        RecordTypeError, match="the record of job 'first' of place cannot be written as YAML: "
    ) as caught:
        dump_record(record, NAME)
    assert isinstance(caught.value, TypeError)


def test_an_error_about_a_record_does_not_show_what_is_in_it() -> None:
    class Credentials:
        @override
        def __repr__(self) -> str:
            return "secret"

    with pytest.raises(RecordTypeError) as caught:
        dump_record({"login": Credentials()}, NAME)
    assert "Credentials" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_record_nested_too_deeply_is_a_type_error() -> None:
    record: list[Any] = []
    for _ in range(100_000):
        record = [record]
    with pytest.raises(RecordTypeError, match="recursion"):
        dump_record(record, NAME)


@pytest.mark.parametrize("number", [10**4_299, -(10**4_299)], ids=["positive", "negative"])
def test_a_number_as_long_as_python_writes_it_is_loaded_again(number: int) -> None:
    assert load_record(dump_record({"a": number}, "r"), "r") == {"a": number}


def doubled(times: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(times):
        value = [value, value]
    return value


@pytest.mark.parametrize("record", [doubled(20), [list(range(1000))] * 1200], ids=["nested", "wide"])
def test_what_repeats_more_than_the_loader_takes_is_a_type_error(record: Any) -> None:
    with pytest.raises(RecordTypeError, match="aliases repeat more than 1,000,000 items"):
        dump_record(record, "r")


def test_an_object_that_stands_at_two_places_is_written_once() -> None:
    shared = ["shared"]
    record = load_record(dump_record({"a": shared, "b": shared}, NAME), NAME)
    assert record == {"a": ["shared"], "b": ["shared"]}
    assert record["a"] is record["b"]


@pytest.mark.requirement("yaml.safe")
@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!!python/tuple [1]", "!own {}"]
)
def test_tags_of_objects_are_errors_and_never_objects(text: str) -> None:
    with pytest.raises(BrokenRecordError, match="could not determine a constructor"):
        load_record(text, NAME)


@pytest.mark.requirement("yaml.broken")
@pytest.mark.parametrize(
    "data",
    [
        b"a: [1",
        b"a: b: c",
        b"\t- x",
        b"\xff\xfe\xfd",
        b"a: \x00",
        b"one\n---\ntwo",
        b"2024-13-45",
        b"{[1]: 2}",
        b"*nowhere",
        b"!!timestamp nonsense",
        b"!!bool nonsense",
        b"9999-12-31 23:59:59.999-99:59",
        b"[" * 5_000,
    ],
)
def test_what_is_no_yaml_is_an_error_in_one_line_that_names_it(data: bytes) -> None:
    with pytest.raises(BrokenRecordError, match=f"{NAME} is no valid YAML") as caught:
        load_record(data, NAME)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_nothing_is_none() -> None:
    assert load_record(b"", NAME) is None


def test_times_keep_their_offset() -> None:
    moment = datetime(2024, 2, 29, 12, 30, 59, 123_456, timezone(-timedelta(hours=5, minutes=30)))
    loaded = load_record(dump_record([moment, moment.astimezone(UTC)], NAME), NAME)
    assert loaded == [moment, moment]
    assert [time.utcoffset() for time in loaded] == [moment.utcoffset(), timedelta(0)]


@given(st.dictionaries(st.text(max_size=3), st.text(), max_size=3))
def test_any_text_is_loaded_again_or_refused(record: dict[str, str]) -> None:
    try:
        data = dump_record(record, NAME)
    except RecordTypeError:
        assert any("\ud800" <= character <= "\udfff" for pair in record.items() for text in pair for character in text)
    else:
        assert load_record(data, NAME) == record
