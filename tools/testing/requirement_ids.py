"""Refuse a `requirement` marker that names a rule which is not in the list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.checks.requirement_list import load


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Look at the markers of all collected tests, also at those that the source does not show."""
    known = load(Path(config.rootpath))
    unknown = {
        f"{item.nodeid}: no requirement {id!r}"
        for item in items
        for marker in item.iter_markers("requirement")
        for id in marker.args
        if id not in known
    }
    if unknown:
        raise pytest.UsageError("\n".join(sorted(unknown)))
