"""File systems, and whether a directory's times can be trusted on them."""

from __future__ import annotations

import os
import re
from functools import lru_cache

__all__ = ["MOUNTS", "keeps_exact_times"]

MOUNTS = "/proc/self/mountinfo"
"""The kernel's list of mounts."""

_EXACT = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"})
"""Local file systems that update a directory's times with every change, as soon as it happens."""


@lru_cache(maxsize=1024)
def keeps_exact_times(path: str, device: int) -> bool:
    """Return whether a change of a directory shows in its times at once; over a network or FUSE it may not.

    :param path: The directory.
    :param device: Its device; part of the cache's key, as another file system may be mounted there later.
    """
    return _kind_of(os.path.realpath(path)) in _EXACT


def _kind_of(path: str) -> str | None:
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as lines:
            mounts = [_mount(line) for line in lines]
    except OSError:
        return None  # not Linux: trust nothing
    found, kind = "", None
    for point, name in mounts:
        if len(point) >= len(found) and _is_below(path, point):  # a later mount hides an earlier one
            found, kind = point, name
    return kind


def _mount(line: str) -> tuple[str, str]:
    before, _, after = line.partition(" - ")
    point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), before.split(" ")[4])
    return point, after.split(" ")[0]


def _is_below(path: str, point: str) -> bool:
    return point == "/" or path == point or path.startswith(point + "/")
