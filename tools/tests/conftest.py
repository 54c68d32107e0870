from __future__ import annotations

from pathlib import Path

import pytest

from tools.tests.fake_workspace import FakeWorkspace


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    """Make an empty workspace."""
    return FakeWorkspace(tmp_path)
