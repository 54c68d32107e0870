"""Tests of what permissions forbid, which root may do all the same."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["unprivileged_directory"]

_NOBODY = 65534


@contextmanager
def unprivileged_directory() -> Generator[Path]:
    """Have a directory of one's own, and no more rights than its owner, until the end of the block."""
    directory = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(directory, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
    try:
        yield directory
    finally:
        if is_root:
            os.seteuid(0)
        for path, _, _ in os.walk(directory):
            os.chmod(path, 0o700)
        shutil.rmtree(directory)
