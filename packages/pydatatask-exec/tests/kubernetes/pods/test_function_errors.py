from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_exec.kubernetes.pods.function_errors import (
    LONGEST_MESSAGE,
    FunctionError,
    read_function_error,
    written_function_error,
)

FRAMES = [f'  File "main.py", line {number}, in function\n    step({number})\n' for number in range(3)]
ERROR = FunctionError("ValueError('é')", ["ValueError", "Exception"], FRAMES)

texts = st.text(max_size=6000)


@pytest.mark.requirement("kubefunc.exception")
def test_an_error_arrives_as_it_was() -> None:
    assert read_function_error(written_function_error(ERROR).decode()) == ERROR


@pytest.mark.requirement("kubefunc.exception")
@given(texts, st.lists(texts, max_size=30), st.lists(texts, max_size=30))
def test_a_message_is_never_too_long_and_can_always_be_read(
    exception: str, types: list[str], frames: list[str]
) -> None:
    message = written_function_error(FunctionError(exception, types, frames))
    assert len(message) <= LONGEST_MESSAGE
    read = read_function_error(message.decode())
    assert read is not None
    assert read.traceback == frames[len(frames) - len(read.traceback) :]
    assert read.types == types[: len(read.types)]


@pytest.mark.requirement("kubefunc.exception")
def test_the_innermost_frames_and_the_class_are_kept() -> None:
    long = FunctionError("E" * 100_000, ["main.Mine", "ValueError", "Exception"], FRAMES * 100)
    read = read_function_error(written_function_error(long).decode())
    assert read is not None
    assert read.types == long.types
    assert read.exception.startswith("EEE")
    assert read.exception.endswith("…")
    short = read_function_error(written_function_error(FunctionError("E", [], FRAMES * 100)).decode())
    assert short is not None
    assert list(short.traceback[-3:]) == FRAMES


@pytest.mark.parametrize(
    "message",
    [
        "",
        "the reason\n",
        "{}",
        '{"exception": ',
        '{"exception": "x"}',
        '{"exception": 1, "exception_types": [], "traceback": []}',
        '{"exception": "x", "exception_types": [1], "traceback": []}',
        '{"exception": "x", "exception_types": [], "traceback": "y"}',
        json.dumps([ERROR.exception]),
    ],
)
def test_another_message_is_no_error(message: str) -> None:
    assert read_function_error(message) is None
