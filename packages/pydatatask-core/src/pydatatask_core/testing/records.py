"""Hypothesis strategies of records."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

__all__ = ["yaml_records"]

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def _aware_times() -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=_OFFSETS)


def _scalars() -> st.SearchStrategy[Any]:
    numbers = st.integers() | st.floats(allow_nan=False)
    return st.none() | st.booleans() | numbers | _TEXT | st.binary(max_size=20) | st.dates() | _aware_times()


def yaml_records() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of records that YAML's safe dumper accepts: mappings of all its types, times of any offset."""
    values = st.recursive(_scalars(), lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=8)
    return st.dictionaries(_TEXT, values, max_size=5)
