"""The rule for job ids: the default alphabet and length, and tests that take a wider alphabet."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

__all__ = ["CHARSET", "MAX_LENGTH", "are_usual_ids", "is_job_id"]

CHARSET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""The characters of a job id, unless a repository widens them."""

MAX_LENGTH = 63
"""The maximum length of a job id in characters, which is that of a Kubernetes label."""


@lru_cache(maxsize=64)
def _alphabet(charset: str) -> frozenset[str]:
    return frozenset(charset)


def is_job_id(job: str, charset: str = CHARSET, charset_start_end: str = CHARSET) -> bool:
    """Tell whether ``job`` is a valid job id.

    :param job: The candidate.
    :param charset: The allowed characters.
    :param charset_start_end: The characters allowed first and last, which must be in ``charset`` as well.
    """
    # Two string methods take 50 ns; testing character by character takes five times as long.
    if charset is CHARSET and charset_start_end is CHARSET:
        return job.isalnum() and job.isascii() and len(job) <= MAX_LENGTH
    if not 0 < len(job) <= MAX_LENGTH:
        return False
    ends = _alphabet(charset_start_end)
    return job[0] in ends and job[-1] in ends and _alphabet(charset).issuperset(job)


def are_usual_ids(jobs: Collection[str]) -> bool:
    """Tell whether all of many strings are job ids by the default rule.

    :param jobs: The candidates, preferably in a list or dict, whose order is that of memory; a set is slower.
    """
    if not jobs:
        return True
    # Testing them as one string takes a third of the time of a test for each.
    joined = "".join(jobs)
    return joined.isalnum() and joined.isascii() and "" not in jobs and max(map(len, jobs)) <= MAX_LENGTH
