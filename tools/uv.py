"""Call uv, which `tools/dev` has found or installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tools.command import must_run, output
from tools.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def program() -> str:
    """Tell where uv is."""
    if not (path := os.environ.get("UV")):
        raise SystemExit("call this through tools/dev, which finds uv or installs it")
    return path


def uv(*arguments: str | Path, cwd: Path = ROOT) -> None:
    """Run uv quietly, and end this program where it fails."""
    must_run([program(), "--quiet", *map(str, arguments)], cwd=cwd)


def locked(*options: str) -> str:
    """Write the versions of uv.lock in the form of a requirements file.

    :param options: which ones, as `uv export` takes them.
    """
    return output([program(), "--quiet", "export", "--locked", "--no-hashes", "--no-emit-workspace", *options])
