"""How Sphinx makes the site; tools/dev docs calls it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(path) for path in sorted((ROOT / "packages").glob("*/src"))]

project = "pydatatask"
author = copyright = "the pydatatask authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib.mermaid"]

# The pages are Markdown that GitHub shows as well.
myst_enable_extensions = ["colon_fence"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3

# The reference is made of the docstrings.
autodoc_default_options = {
    "imported-members": True,
    "member-order": "bysource",
    "members": True,
    "show-inheritance": True,
}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "pydatatask"
html_copy_source = False
html_show_sphinx = False

# The pictures are drawn by the reader's browser; without scripts, or without the network, their text is shown.
mermaid_d3_zoom = False

# What stands in the margin: by caption, where the pages are and which come first. The others follow by name.
SECTIONS = {
    "": (".", ["quickstart"]),
    "Concepts": (
        "concepts",
        ["repositories", "readiness", "scheduler", "whole-or-not-at-all", "claims", "sessions"],
    ),
    "How to": ("how-to", []),
    "Reference": ("reference", ["repository", "task", "pipeline", "session", "resource_manager"]),
}


def pages_of(folder: str, first: list[str]) -> list[str]:
    """List the pages of a section."""
    there = {path.stem for path in (ROOT / "docs" / folder).iterdir() if path.suffix in (".md", ".rst")} - {"index"}
    return [f"{folder}/{page}" for page in [*first, *sorted(there - set(first))]]


def add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """Add the table of contents to the first page; written there, GitHub would show it as code."""
    if name == app.config.root_doc:
        for caption, section in SECTIONS.items():
            options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
            source[0] += "\n".join(["\n```{toctree}", *options, "", *pages_of(*section), "```\n"])


def read_first_page(app: Sphinx, *_: object) -> list[str]:
    """Read the first page each time, as there may be more pages than the last time."""
    return [app.config.root_doc]


def setup(app: Sphinx) -> None:
    """Register the above."""
    app.connect("source-read", add_contents)
    app.connect("env-get-outdated", read_first_page)
