"""Which kind of file system a directory lies on."""

from __future__ import annotations

import os
import re
from functools import lru_cache

__all__ = ["MOUNTS", "keeps_exact_times"]

MOUNTS = "/proc/self/mountinfo"
"""Where the kernel lists what is mounted where."""

_EXACT = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"})
"""File systems of this machine that note every change of a directory in its times, as soon as it happens."""


@lru_cache(maxsize=1024)
def keeps_exact_times(path: str, device: int) -> bool:
    """Tell whether every change of a directory shows at once in its times; over a network or FUSE this is not so.

    :param path: The directory.
    :param device: Its device, so that the answer is found anew when another file system is mounted there.
    """
    return _kind_of(os.path.realpath(path)) in _EXACT


def _kind_of(path: str) -> str | None:
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as lines:
            mounts = [_mount(line) for line in lines]
    except OSError:
        return None  # no Linux: trust nothing
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
