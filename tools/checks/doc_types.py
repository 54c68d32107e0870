"""All Python of the documentation passes mypy, as strictly as readers who annotate little can be held to."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.command import PYTHON
from tools.docs.blocks import PYTHON as PYTHON_BLOCK
from tools.docs.blocks import blocks

if TYPE_CHECKING:
    from tools.docs.blocks import Block

PACKAGE: Final = "doc_blocks"
"""Where mypy thinks the blocks are; mypy.ini says what is forgiven there."""


def problems(root: Path) -> list[str]:
    """List what mypy says of the blocks, by page and line."""
    found = [block for block in blocks(root) if block.language == PYTHON_BLOCK]
    with tempfile.TemporaryDirectory(prefix="pydatatask-docs-") as directory:
        package = Path(directory) / PACKAGE
        package.mkdir()
        for block in found:
            (package / f"{_module(block)}.py").write_text(block.source, "utf-8")
        said = _mypy(root, Path(directory))
    pages = {_module(block): block.page for block in found}
    return [re.sub(rf"^\S*\b{PACKAGE}/(\w+)\.py", lambda match: pages[match[1]], line) for line in said]


def _module(block: Block) -> str:
    return re.sub(r"\W", "_", f"{block.page}_{block.line}")


def _mypy(root: Path, directory: Path) -> list[str]:
    done = subprocess.run(
        [PYTHON, "-m", "mypy", "--no-pretty", "--no-error-summary", "-p", PACKAGE],
        cwd=root,
        env=os.environ | {"MYPYPATH": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.splitlines() if done.returncode else []
