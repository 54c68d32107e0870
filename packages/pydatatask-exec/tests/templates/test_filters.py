from __future__ import annotations

import json
import shlex
import subprocess
from collections import OrderedDict, UserDict, namedtuple
from datetime import UTC, date, datetime, time
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
import yaml
from exec_doubles import Records, links
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_exec import Template
from pydatatask_exec.templates.filters import shquote, tojson, toyaml

TEXT = st.text()
NO_NUL = TEXT.filter(lambda text: "\0" not in text)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)
ENCODABLE = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)
PLACES = ["{}", "top: {}\nlast: 1\n", "top:\n    - [1, {}, 2]\n    - {{k: {}, l: 3}}\nlast: 1\n", "- - - {} # remark\n"]


class Shown:
    """As an object in a bucket is: what it is good for is its text."""

    @override
    def __str__(self) -> str:
        return "s3://bucket/a b"


class Hidden:
    """Has no text of its own."""


class Level(IntEnum):
    HIGH = 3


Pair = namedtuple("Pair", "left right")


@pytest.mark.requirement("template.shquote")
@given(NO_NUL)
def test_a_quoted_word_is_one_word_of_a_shell(text: str) -> None:
    assert shlex.split(f"echo {shquote(text)} end") == ["echo", text, "end"]


@pytest.mark.requirement("template.shquote")
@pytest.mark.parametrize("text", ["", "a b", "it's", '$(id) `id` $HOME "x"', "a\nb\n\n", "-n", "*", "é\u2028", "\\"])
def test_a_real_shell_agrees(text: str) -> None:
    shown = subprocess.run(["/bin/sh", "-c", f"printf %s {shquote(text)}"], capture_output=True, check=True).stdout
    assert shown.decode() == text


@given(st.lists(NO_NUL))
def test_a_list_becomes_as_many_words(words: list[str]) -> None:
    assert shlex.split(shquote(words)) == shlex.split(shquote(tuple(words))) == words


@pytest.mark.parametrize(("value", "word"), [(5, "5"), (Path("/a b"), "'/a b'"), (Shown(), "'s3://bucket/a b'")])
def test_what_is_no_string_is_quoted_by_its_text(value: object, word: str) -> None:
    assert shquote(value) == word


def test_what_no_word_can_be_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        shquote("a\0b")
    with pytest.raises(TypeError, match="bytes"):
        shquote(b"ab")


@pytest.mark.requirement("template.tojson-toyaml")
@given(VALUES)
def test_json_says_what_the_value_was(value: Any) -> None:
    text = tojson(value)
    assert json.loads(text) == value
    assert "\n" not in text


@given(ENCODABLE, st.sampled_from(PLACES))
def test_json_can_stand_in_a_yaml_document(value: Any, place: str) -> None:
    # Numbers apart: PyYAML takes 1e3 for a string.
    strings = json.loads(json.dumps(value), parse_float=repr)
    expected = yaml.safe_load(place.format("MARK", "MARK"))
    found = yaml.safe_load(place.format(tojson(strings), tojson(strings)))
    assert found == replaced(expected, strings)


def test_json_is_not_escaped_for_html() -> None:
    assert tojson("<a href='x'>&</a>") == """"<a href='x'>&</a>\""""


def test_json_keeps_the_order_of_keys_and_indents_on_demand() -> None:
    assert tojson({"b": 1, "a": 2}) == '{"b": 1, "a": 2}'
    assert tojson({"b": 1}, indent=2) == '{\n  "b": 1\n}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, float("-inf")]])
def test_json_has_no_infinity(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        tojson(value)


@pytest.mark.requirement("template.tojson-toyaml")
@given(VALUES, st.sampled_from(PLACES))
def test_yaml_says_what_the_value_was_wherever_it_stands(value: Any, place: str) -> None:
    text = toyaml(value)
    assert "\n" not in text
    found = yaml.safe_load(place.format(text, text))
    assert found == replaced(yaml.safe_load(place.format("MARK", "MARK")), value)


def replaced(document: Any, value: Any) -> Any:
    """Put `value` wherever the document has the string MARK."""
    if isinstance(document, dict):
        return {key: replaced(item, value) for key, item in document.items()}
    if isinstance(document, list):
        return [replaced(item, value) for item in document]
    return value if document == "MARK" else document


@pytest.mark.parametrize(
    "text", ["no", "null", "1", "1e3", "2001-01-01", "a: b", "[", "# x", "- x", "*a", "", " ", "~"]
)
def test_a_string_stays_a_string_in_yaml(text: str) -> None:
    assert yaml.safe_load(f"key: {toyaml(text)}") == {"key": text}


def test_yaml_has_no_anchors_as_those_of_two_values_would_clash() -> None:
    shared = ["x"]
    assert toyaml([shared, shared]) == '[["x"], ["x"]]'


def test_long_values_stay_on_one_line() -> None:
    words = " ".join(["word"] * 1000)
    assert yaml.safe_load(f"a:\n  b: {toyaml({words: [words]})}") == {"a": {"b": {words: [words]}}}


NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "in_json", "in_yaml"),
    [
        (Path("/a"), "/a", "/a"),
        (Shown(), "s3://bucket/a b", "s3://bucket/a b"),
        (NOW, "2024-05-06T07:08:09+00:00", NOW),
        (date(2024, 5, 6), "2024-05-06", date(2024, 5, 6)),
        (time(7, 8), "07:08:00", "07:08:00"),
        ({3, 1, 2}, [1, 2, 3], [1, 2, 3]),
        (frozenset(["b", "a"]), ["a", "b"], ["a", "b"]),
        ((1, 2), [1, 2], [1, 2]),
        (Pair(1, 2), [1, 2], [1, 2]),
        (OrderedDict(a=1), {"a": 1}, {"a": 1}),
        (UserDict(a=1), {"a": 1}, {"a": 1}),
        (Level.HIGH, 3, 3),
        (b"\xff", TypeError, b"\xff"),
        (memoryview(b"x"), TypeError, TypeError),
        (Hidden(), TypeError, TypeError),
    ],
)
def test_other_types_become_what_is_nearest(value: object, in_json: object, in_yaml: object) -> None:
    for convert, parse, expected in ((tojson, json.loads, in_json), (toyaml, yaml.safe_load, in_yaml)):
        if expected is TypeError:
            with pytest.raises(TypeError, match="no form"):
                convert([value])
        else:
            assert parse(convert([value])) == [expected]


async def test_templates_have_the_filters() -> None:
    template = await Template.load("{{ books|shquote }} {{ books|tojson }} {{ books|toyaml }}", "count")
    assert await template.render("j", links(books=Records({"j": "<a b>"}))) == """'<a b>' "<a b>" "<a b>\""""
