"""Run programs for the verbs of `tools/dev`."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tools.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PYTHON: Final = sys.executable


def heading(text: str) -> None:
    """Print a line that begins a step."""
    print(f"== {text}", flush=True)


def run(argv: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> int:
    """Run a program with our own streams and return its exit status."""
    return subprocess.run(argv, cwd=cwd, env=env, check=False).returncode


def must_run(argv: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
    """Run a program with our own streams, and end ours where it fails."""
    status = run(argv, cwd=cwd, env=env)
    if status != 0:
        raise SystemExit(f"{shlex.join(argv)} failed with exit status {status}")


def output(argv: Sequence[str], *, cwd: Path = ROOT) -> str:
    """Run a program and return what it prints."""
    return subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout
