"""Capacity of a supervisor: how many jobs one runs at a time."""

from __future__ import annotations

import resource

__all__ = ["CAPACITY", "supervisor_capacity"]

CAPACITY = 200
"""How many jobs at a time one supervisor runs, unless the limit on open files is lower."""

_OTHER_FILES = 24
"""How many files a supervisor may have open for a moment besides one for each job."""


def supervisor_capacity() -> int:
    """Return how many jobs one supervisor can run at a time.

    It inherits our limit on open files, and keeps one open for each job.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CAPACITY if limit == resource.RLIM_INFINITY else min(CAPACITY, max(1, limit - _OTHER_FILES))
