"""The picture of the example in the README is the one that the example draws."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.workspace import ROOT


@pytest.mark.requirement("graph.deterministic")
def test_the_readme_shows_the_graph_of_the_example() -> None:
    drawn = subprocess.run(
        [sys.executable, "examples/books/main.py", "graph"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert f"```mermaid\n{drawn}```\n" in (ROOT / "README.md").read_text("utf-8")
