"""How long a failed job waits before its next attempt."""

from __future__ import annotations

import math
from datetime import timedelta

from pydatatask_core.outcomes.retry_policy import Retry

__all__ = ["delay_before"]


def delay_before(policy: Retry, subject: str, attempt: int, number: int) -> timedelta:
    """Return how long a job waits before its next attempt.

    :param policy: The task's policy.
    :param subject: The task and the job.
    :param attempt: The number of the attempt that failed.
    :param number: How many attempts of its kind, counted or free, have failed so far; from 1.
    """
    first, longest = policy.delay.total_seconds(), policy.max_delay.total_seconds()
    seconds = longest
    # Compared by logarithms before the power is taken, as that overflows where the delay only stops to grow.
    if first == 0.0 or (number - 1) * math.log(policy.factor) < math.log(longest / first):
        seconds = first * policy.factor ** (number - 1) if first else 0.0
    import hashlib  # loads slowly, and most commands decide nothing

    digest = hashlib.blake2b(f"{subject}\0{attempt}".encode(errors="surrogatepass"), digest_size=8).digest()
    share = int.from_bytes(digest, "big") / 2**64
    return timedelta(seconds=min(longest, seconds * (1.0 + policy.jitter * share)))
