"""Retries of requests: which failures call for another attempt, how many attempts there are, and how long to wait.

A request is sent again if the server is overloaded or failed (429, 5xx), or if it could not be reached. The wait before
the second attempt is short and doubles with each further one, but a server that says how long to wait is obeyed, up to
a limit. All other refusals are final. So is a 401, once credentials that can be renewed have been.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydatatask_core.errors import ClusterError, ClusterUnreachableError
from pydatatask_exec.kubernetes.cluster.errors import parsed_status
from pydatatask_exec.kubernetes.pods.fields import section

__all__ = ["Retries", "is_retryable", "retry_after"]

_RETRYABLE = frozenset({429, 500, 502, 503, 504})
_LONGEST_DELAY = 15.0


class Retries:
    """The attempts that are left for one request.

    :param attempts: How many attempts there are in all.
    :param first_delay: Seconds before the second attempt, unless the server says how long to wait.
    """

    def __init__(self, attempts: int, first_delay: float) -> None:
        self._left = attempts
        self._delay = first_delay

    def next_delay(self, error: ClusterError, asked: float | None = None) -> float | None:
        """Return for how many seconds to wait before the next attempt, or None if the error is final.

        :param error: Why the last attempt failed.
        :param asked: For how many seconds the server wants the client to wait, if it says so.
        """
        self._left -= 1
        if self._left < 1 or not is_retryable(error):
            return None
        import random  # few requests fail

        # Many clients may have failed at the same moment: without a random part they would all come back at once.
        wait = self._delay * random.uniform(0.8, 1.2) if asked is None else asked
        self._delay *= 2
        return min(wait, _LONGEST_DELAY)


def is_retryable(error: ClusterError) -> bool:
    """Return whether the same request may succeed a moment later.

    :param error: The error of the request.
    """
    return isinstance(error, ClusterUnreachableError) or error.status in _RETRYABLE


def retry_after(headers: Mapping[str, str], body: bytes) -> float | None:
    """Return for how many seconds the server wants the client to wait, or None if it does not say.

    :param headers: The answer's headers.
    :param body: The answer's body.
    """
    value = headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    seconds = section(parsed_status(body), "details").get("retryAfterSeconds")
    return float(seconds) if isinstance(seconds, int) else None
