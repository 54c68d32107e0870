"""The distribution as it is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.resources


def test_is_marked_as_typed() -> None:
    assert importlib.resources.files("pydatatask").joinpath("py.typed").is_file()


def test_version_is_that_of_the_core() -> None:
    assert importlib.metadata.version("pydatatask") == importlib.metadata.version("pydatatask-core")
