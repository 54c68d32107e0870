from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from kubectl_yaml import kubectl_plain

from pydatatask_exec.kubernetes.manifest import parse_manifest
from pydatatask_exec.kubernetes.manifest_loader import manifest_loader
from pydatatask_exec.templates.filters import tojson, toyaml

LOADERS = pytest.mark.parametrize("fast", [True, False])
# fmt: off
HOSTILE = [
    "1e5", "0o7", "0o644", "0644", "1_000", "12:30:45", "8080:30", "1:30.5", "yes", "no", "on", "off", "y", "n", "~",
    "null", ".inf", "-.INF", ".nan", "=", "<<", "2024-05-06", "2001-12-14t21:59:43.10-05:00", "0x1F", "0x", "0x_",
    "0b11", "0b", "0o", "0o_", "08", "0_", "1.", ".5", ".1_0", "-.1_0", "1_", "+1", "+0x1f", "1.0e+5", "1e-05", "-",
    "+", ".", "TRUE", "False", "12e4567", "123456789012345678901234567890",
]
# fmt: on
PLAIN = st.sampled_from(HOSTILE) | st.from_regex(r"[-+.0-9]?[0-9_box.:eE+-]{0,8}", fullmatch=True)


def is_plain(text: str) -> bool:
    """Return whether a text can stand in a list of YAML without quotes."""
    try:
        event = list(yaml.parse(f"[{text}]"))[3:-3]
    except yaml.YAMLError:
        return False
    return len(event) == 1 and isinstance(event[0], yaml.ScalarEvent) and event[0].value == text


def same(one: object, other: object) -> bool:
    """Return whether two values are equal, and of one kind."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return one == other and (numbers or type(one) is type(other))


@LOADERS
@pytest.mark.requirement("pod.manifest-like-kubectl")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, text) for text in ("12:30:45", "8080:30", "1:30.5", "=", "<<", "2024-05-06", "1e5", "12e4567", "0x_")],
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        *[("0o644", 420), ("0644", 420), ("-0o17", -15), ("1_000", 1000), ("0x1F", 31), ("0b11", 3), ("1.0e+5", 1e5)],
        *[("yes", True), ("off", False), ("~", None), (".inf", math.inf), (".5", 0.5), ("+1", 1), ("0", 0)],
    ],
)
def test_plain_text_is_what_kubectl_takes_it_for(text: str, value: object, fast: bool) -> None:
    found: object = yaml.load(f"[{text}]", Loader=manifest_loader(fast))
    assert found == [value]
    assert isinstance(found, list)
    assert type(found[0]) is type(value)


@LOADERS
@pytest.mark.requirement("pod.manifest-like-kubectl")
@given(text=PLAIN.filter(is_plain))
def test_what_is_a_string_for_kubectl_is_one_and_any_other_value_is_its_own(text: str, fast: bool) -> None:
    (found,) = yaml.load(f"[{text}]", Loader=manifest_loader(fast))
    assert same(found, kubectl_plain(text)) or (found == text and not isinstance(kubectl_plain(text), str))


@LOADERS
@pytest.mark.parametrize("text", ["!!int 1o2", "!!int hello", "!!float x"])
def test_a_tag_that_does_not_fit_is_an_error(text: str, fast: bool) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|could not convert"):
        yaml.load(text, Loader=manifest_loader(fast))


@LOADERS
def test_mappings_are_merged(fast: bool) -> None:
    found = yaml.load("{a: &a {b: 1, c: 2}, d: {<<: *a, c: 3}}", Loader=manifest_loader(fast))
    assert found["d"] == {"b": 1, "c": 3}


def test_the_loaders_of_others_are_as_they_were() -> None:
    manifest_loader(True), manifest_loader(False)
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert yaml.load("1:30", Loader=loader) == 90
        assert yaml.load("0o7", Loader=loader) == "0o7"


TEXTS = st.text() | st.sampled_from(HOSTILE)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


def scalars(text: str) -> list[yaml.ScalarEvent]:
    return [event for event in yaml.parse(text) if isinstance(event, yaml.ScalarEvent)]


def parts(value: Any) -> list[object]:
    """Return all scalars of a value, in the order in which they are written."""
    if isinstance(value, dict):
        return [part for item in value.items() for inner in item for part in parts(inner)]
    return [part for inner in value for part in parts(inner)] if isinstance(value, list) else [value]


@pytest.mark.requirement("template.strings-quoted")
@given(VALUES)
@example(HOSTILE)
@example({text: text for text in HOSTILE})
def test_toyaml_writes_no_string_that_any_reader_could_take_for_something_else(value: Any) -> None:
    written = scalars(toyaml(value))
    assert len(written) == len(parts(value))
    for event, part in zip(written, parts(value), strict=True):
        assert (event.style == '"') == isinstance(part, str)
        assert event.style == '"' or same(kubectl_plain(event.value), part)


@pytest.mark.requirement("template.strings-quoted")
@given(VALUES)
@example({text: text for text in HOSTILE})
def test_tojson_writes_no_string_that_any_reader_could_take_for_something_else(value: Any) -> None:
    for event, part in zip(scalars(tojson([value])), parts(value), strict=True):
        assert (event.style == '"') == isinstance(part, str)
        assert event.style == '"' or same(kubectl_plain(event.value), part)


@pytest.mark.requirement("template.strings-quoted", "pod.manifest-like-kubectl")
@given(VALUES)
@example({text: text for text in HOSTILE})
def test_a_manifest_has_what_toyaml_was_given(value: Any) -> None:
    assert parse_manifest(f"kind: Pod\nvalue: {toyaml(value)}\n") == {"kind": "Pod", "value": value}


def test_a_time_comes_into_a_manifest_as_toyaml_and_tojson_write_it() -> None:
    now = datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
    for text in (toyaml(now), tojson(now)):
        assert parse_manifest(f"kind: {text}") == {"kind": "2024-05-06T07:08:09.000010+00:00"}
