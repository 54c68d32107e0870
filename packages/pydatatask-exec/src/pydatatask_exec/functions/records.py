"""Outcome records of functions."""

from __future__ import annotations

import traceback
from datetime import datetime
from types import TracebackType

__all__ = ["describe_exception", "function_record"]

_LONGEST_REPR = 100_000


def function_record(start: datetime, end: datetime, error: BaseException | None) -> dict[str, object]:
    """Return the ``done`` record of a function that has ended.

    :param start: When it was called, in UTC.
    :param end: When it returned or raised, in UTC.
    :param error: What it raised, or None.
    :returns: ``result`` (``"success"`` or ``"exception"``), ``start_time`` and ``end_time``; on an exception also
        ``exception``, its ``repr``, and ``traceback``, a list of formatted frames: places and source lines, no values.
    """
    if error is None:
        return {"result": "success", "start_time": start, "end_time": end}
    return {
        "result": "exception",
        "start_time": start,
        "end_time": end,
        "exception": describe_exception(error),
        "traceback": [_encodable(frame) for frame in traceback.format_tb(_without_own_frames(error.__traceback__))],
    }


def describe_exception(error: BaseException) -> str:
    """Return the ``repr`` of an exception, cut if it is very long, or a substitute if ``repr`` itself raises.

    :param error: The exception.
    """
    try:
        text = repr(error)
    except Exception as problem:
        return f"<{type(error).__qualname__} whose repr raised {type(problem).__qualname__}>"
    return _encodable(text if len(text) <= _LONGEST_REPR else f"{text[:_LONGEST_REPR]}... ({len(text)} characters)")


def _encodable(text: str) -> str:
    """Escape lone surrogates, which no store could write."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _without_own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Return the traceback without the frames of this package, unless there are no others."""
    rest = frames
    while rest is not None and rest.tb_frame.f_globals.get("__package__") == __package__:
        rest = rest.tb_next
    return rest or frames
