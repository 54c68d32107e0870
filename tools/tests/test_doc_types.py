from __future__ import annotations

import pytest

from tools.checks import doc_types
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT


@pytest.fixture
def documented(workspace: FakeWorkspace) -> FakeWorkspace:
    for page in ("README.md", "CONTRIBUTING.md"):
        workspace.write(page, "No code.\n")
    workspace.write("mypy.ini", f"[mypy]\ncache_dir = {workspace.root}/cache\nstrict = True\n")
    return workspace


def test_types_are_looked_at_and_found_by_page_and_line(documented: FakeWorkspace) -> None:
    documented.write("docs/how-to/a.md", "# A\n\n```python\nx: int = 1\n```\n\nOr:\n\n```python\ny: int = 'no'\n```\n")
    (problem,) = doc_types.problems(documented.root)
    assert problem.startswith("docs/how-to/a.md:10: error: Incompatible types")


def test_nothing_to_say(documented: FakeWorkspace) -> None:
    documented.write("docs/a.md", "```python\nx: int = 1\n```\n")
    assert doc_types.problems(documented.root) == []


def test_forgiveness_is_for_the_very_package() -> None:
    assert f"[mypy-{doc_types.PACKAGE}.*]" in (ROOT / "mypy.ini").read_text("utf-8")
