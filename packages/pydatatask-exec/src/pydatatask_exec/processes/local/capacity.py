"""How many jobs at a time one supervisor can run."""

from __future__ import annotations

import resource

from pydatatask_exec.processes.local.supervisor.protocol import CAPACITY

__all__ = ["supervisor_capacity"]

_OTHER_FILES = 24
"""How many files a supervisor may have open for a moment besides one for each job."""


def supervisor_capacity() -> int:
    """Return how many jobs one supervisor can run at a time.

    It inherits our limit on open files, and keeps one open for each job.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CAPACITY if limit == resource.RLIM_INFINITY else min(CAPACITY, max(1, limit - _OTHER_FILES))
