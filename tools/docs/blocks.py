"""The code blocks of the documentation, where they stand and what is said about them.

Two remarks may stand before a block, as comments that no reader sees: ``<!-- continues -->`` where it goes on from the
block of Python before it, and ``<!-- types only: REASON -->`` where it cannot be run without more than Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from markdown_it.token import Token

CONTINUES: Final = "continues"
TYPES_ONLY: Final = re.compile(r"types only: \S.*")
REMARK: Final = re.compile(r"\s*<!--\s*(.*?)\s*-->\s*", re.DOTALL)
PYTHON: Final = "python"


@dataclass(frozen=True)
class Block:
    """One code block, or several blocks of Python that continue one another."""

    page: str
    """The file, from the root of the workspace."""
    line: int
    """The number of its first line of code."""
    language: str
    source: str
    """The code, with so many empty lines before it that its lines have the numbers that they have in the page."""
    remark: str = ""
    """The comment before it."""

    @property
    def place(self) -> str:
        """Where it is, as editors and compilers write it."""
        return f"{self.page}:{self.line}"

    @property
    def types_only(self) -> bool:
        """Whether a remark says that it cannot be run."""
        return TYPES_ONLY.fullmatch(self.remark) is not None

    @property
    def lines(self) -> list[str]:
        """Its own lines, without the empty ones before it."""
        return self.source.splitlines()[self.line - 1 :]


def pages(root: Path) -> list[Path]:
    """List the files of the documentation."""
    return [
        root / "README.md",
        root / "CONTRIBUTING.md",
        *sorted((root / "docs").rglob("*.md")),
        *sorted((root / "packages").glob("*/README.md")),
    ]


def blocks(root: Path, files: Iterable[Path] | None = None) -> list[Block]:
    """List the code blocks of the documentation, or of some files of it."""
    return [
        block
        for file in (pages(root) if files is None else files)
        for block in blocks_of(file.read_text("utf-8"), str(file.relative_to(root)))
    ]


def blocks_of(text: str, page: str) -> list[Block]:
    """List the code blocks of one page.

    :raises ValueError: where a block continues and there is none before it.
    """
    found: list[Block] = []
    for block in _fences(text, page):
        if block.language == PYTHON and block.remark == CONTINUES:
            earlier = next((i for i in reversed(range(len(found))) if found[i].language == PYTHON), None)
            if earlier is None:
                raise ValueError(f"{block.place}: there is no block of Python to continue")
            found[earlier] = replace(found[earlier], source=_joined(found[earlier].source, block.source))
        else:
            found.append(block)
    return found


def _fences(text: str, page: str) -> Iterator[Block]:
    before: Token | None = None
    for token in MarkdownIt().parse(text):
        if token.type == "fence" and token.map is not None:
            remark = REMARK.fullmatch(before.content) if before is not None and before.type == "html_block" else None
            line = token.map[0] + 2
            yield Block(
                page=page,
                line=line,
                language=token.info.split(maxsplit=1)[0] if token.info.strip() else "",
                source="\n" * (line - 1) + token.content,
                remark=remark[1] if remark else "",
            )
        before = token


def _joined(first: str, second: str) -> str:
    return first + second[first.count("\n") :]
