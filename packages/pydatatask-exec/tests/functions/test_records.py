from __future__ import annotations

import traceback
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_exec.functions.records import describe_exception, function_record

NOW = datetime.now(UTC)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


class Unspeakable(Exception):
    @override
    def __repr__(self) -> str:
        raise RuntimeError("not even this")


def test_a_repr_that_fails_is_replaced() -> None:
    assert describe_exception(Unspeakable()) == "<Unspeakable whose repr raised RuntimeError>"
    assert function_record(NOW, NOW, raised(Unspeakable()))["exception"] == describe_exception(Unspeakable())


def test_a_repr_that_no_store_could_hold_is_cut() -> None:
    text = describe_exception(ValueError("x" * 10_000_000))
    assert len(text) < 101_000
    assert text.endswith("... (10000014 characters)")


class Verbatim(Exception):
    @override
    def __repr__(self) -> str:
        return str(self.args[0])


@given(st.text())
def test_whatever_a_repr_says_can_be_encoded(text: str) -> None:
    described = describe_exception(Verbatim(text))
    assert described.encode("utf-8").decode("utf-8") == described


@given(st.text(st.characters(codec="utf-8"), max_size=1000))
def test_a_usual_repr_is_kept_as_it_is(text: str) -> None:
    assert describe_exception(ValueError(text)) == repr(ValueError(text))


def test_the_traceback_is_a_list_of_formatted_frames_without_values() -> None:
    secret = "hunter2"

    def inner(password: str) -> None:
        raise ValueError

    def outer() -> None:
        inner(secret)

    with pytest.raises(ValueError, match=r"^$") as caught:
        outer()
    frames = function_record(NOW, NOW, caught.value)["traceback"]
    assert frames == traceback.format_tb(caught.value.__traceback__)
    assert isinstance(frames, list)
    assert len(frames) == 3
    assert "hunter2" not in "".join(frames[1:])


def test_an_exception_that_was_never_raised_has_no_frames() -> None:
    assert function_record(NOW, NOW, ValueError())["traceback"] == []
