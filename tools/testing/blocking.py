"""Fail the test whose event loop is blocked by our code."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

import pytest
from blockbuster import BlockBuster

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES: Final = ("pydatatask_core", "pydatatask_storage", "pydatatask_exec", "pydatatask_cli", "pydatatask")
TEST_SUITES: Final = ("pydatatask_core.testing",)
"""Parts of our packages that are tests, and may look at a file while a loop runs."""


def _installed(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if importlib.util.find_spec(name) is not None]


@pytest.fixture(scope="session", autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Raise `BlockingError` from a blocking call that our code makes in a thread whose event loop runs."""
    detector = BlockBuster(_installed(PACKAGES), excluded_modules=_installed(TEST_SUITES))
    # What the kernel makes up at once takes no longer in a loop, and is read when the first task records failures.
    detector.functions["os.readlink"].can_block_in("pydatatask_core/outcomes/claims.py", "_scope")
    detector.activate()
    yield detector
    detector.deactivate()


@pytest.fixture(autouse=True)
def _may_block(request: pytest.FixtureRequest, blockbuster: BlockBuster) -> Iterator[None]:
    """Switch the detector off for a test that is marked `may_block`."""
    if request.node.get_closest_marker("may_block") is None:
        yield
        return
    blockbuster.deactivate()
    yield
    blockbuster.activate()
