from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_storage import YamlMetadataFileRepository
from pydatatask_storage.yaml.bounded_loader import safe_loader
from pydatatask_storage.yaml.serialization import dump_record, load_record

LOADERS = pytest.mark.parametrize("fast", [True, False])


@LOADERS
@pytest.mark.requirement("yaml.numbers")
@pytest.mark.parametrize("text", ["1e-05", "1E+2", "1e5", "-2.5e-8", "+1e6", "1.e3", ".5e1", "1e+06", "0e0", "1.0e-05"])
def test_numbers_with_an_exponent_are_numbers(text: str, fast: bool) -> None:
    number = yaml.load(text, Loader=safe_loader(fast))
    assert type(number) is float
    assert number == float(text)


@LOADERS
@pytest.mark.parametrize("text", ["e5", "1e", "1e5x", "1ee5", "1_0e5", "1e5.5", "12e4567", "-1e999", "1 e5"])
def test_other_texts_are_still_texts(text: str, fast: bool) -> None:
    assert yaml.load(text, Loader=safe_loader(fast)) == text


@LOADERS
def test_infinity_is_a_number(fast: bool) -> None:
    assert yaml.load("[.inf, -.INF]", Loader=safe_loader(fast)) == [math.inf, -math.inf]


@pytest.mark.requirement("yaml.numbers")
@given(st.recursive(st.floats(allow_nan=False, allow_infinity=False) | st.integers(), st.lists))
def test_what_json_wrote_is_read_as_it_was(value: Any) -> None:
    assert load_record(json.dumps(value), "it") == value


@pytest.mark.requirement("yaml.numbers")
@given(st.from_regex(r"[-+]?[0-9]{0,3}\.?[0-9]{0,3}[eE][-+]?[0-9]{1,4}", fullmatch=True))
def test_a_string_that_looks_like_a_number_comes_back_as_a_string(text: str) -> None:
    for record in (text, {text: 1}, {"key": text}, [text]):
        assert load_record(dump_record(record, "it"), "it") == record


@given(st.floats(allow_nan=False))
def test_a_number_is_read_by_loaders_of_either_version(number: float) -> None:
    text = dump_record({"number": number}, "it")
    assert load_record(text, "it") == yaml.safe_load(text) == {"number": number}


@pytest.mark.requirement("yaml.numbers")
async def test_a_file_of_json_is_a_record(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(json.dumps({"loss": 1e-05, "rate": 1e22}))
    assert await YamlMetadataFileRepository(tmp_path).info("a") == {"loss": 1e-05, "rate": 1e22}
