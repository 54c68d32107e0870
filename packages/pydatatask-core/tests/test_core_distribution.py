"""The distribution as it is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.resources


def test_is_marked_as_typed() -> None:
    assert importlib.resources.files("pydatatask_core").joinpath("py.typed").is_file()


def test_has_a_version() -> None:
    assert importlib.metadata.version("pydatatask-core")
