"""Where workloads keep their files: on a tmpfs, which shows what software costs, or on a disk, which users have."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

TMPFS: Final = "/dev/shm"
DISK: Final = "/var/tmp"


@contextmanager
def fresh_directory(place: str) -> Iterator[Path]:
    """Give a directory that is empty, and gone afterwards.

    What an operation costs on a disk depends on what the directory has been through, hence a new one each time.

    :param place: `TMPFS` or `DISK`.
    """
    directory = Path(tempfile.mkdtemp(prefix="pydatatask-bench-", dir=place))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
