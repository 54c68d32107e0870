"""Registration of the suites for pytest's assertion rewriting, imported before them."""

from __future__ import annotations

from typing import Final

import pytest

__all__ = ["REWRITTEN"]

_PACKAGE: Final = "pydatatask_core.testing"

REWRITTEN: Final = tuple(
    f"{_PACKAGE}.{module}"
    for module in (
        "unfinished_writer_tests",
        "blob_tests",
        "metadata_tests",
        "overriding_tests",
        "repository_contract",
        "revision_tests",
        "stream_helpers",
        "view_contract",
    )
)
"""The modules whose assertions pytest explains when they fail."""

pytest.register_assert_rewrite(*REWRITTEN)
