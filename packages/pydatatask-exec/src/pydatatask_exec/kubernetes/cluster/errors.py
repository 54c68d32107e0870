"""Turning what an API server answers, and what its client raises, into errors of our own."""

from __future__ import annotations

from collections.abc import Mapping

from pydatatask_core.errors import ClusterAccessError, ClusterError, ClusterUnreachableError

__all__ = ["ALREADY_EXISTS", "EXCEEDED_QUOTA", "EXPIRED", "cluster_error", "retry_after", "unreachable"]

ALREADY_EXISTS = "AlreadyExists"
"""The reason of an error: there is an object of that name."""

EXPIRED = "Expired"
"""The reason of an error: the resource version, or the token to go on with, is too old."""

EXCEEDED_QUOTA = "ExceededQuota"
"""The reason that we give to a refusal by a quota of the namespace, which the API server merely calls forbidden."""

_LONGEST = 1000

_ADVICE = {
    401: "check the credentials of the configuration",
    403: "have the right given to the user or service account",
    404: "check the namespace and the address of the cluster",
    413: "make the manifest smaller",
    429: "the cluster is busy; lower requests_per_second of the PodManager if this goes on",
}


def cluster_error(purpose: str, status: int, body: bytes) -> ClusterError:
    """Make the error for an answer that tells of a failure.

    :param purpose: What was to be done: ``"create pod x"``.
    :param status: The HTTP status.
    :param body: The answer's body: a Status in JSON, or plain text.
    """
    answer = _parsed(body)
    message = str(answer.get("message") or body[:_LONGEST].decode("utf-8", "replace").strip() or "no explanation")
    reason = str(answer.get("reason") or "")
    if status == 403 and "exceeded quota" in message:
        return ClusterError(f"the cluster has no room to {purpose} now: {message}", status, EXCEEDED_QUOTA)
    kind = ClusterAccessError if status == 401 or (status == 403 and "cannot" in message) else ClusterError
    advice = _ADVICE.get(status) if kind is ClusterAccessError or status != 403 else "it is tried again"
    told = f"the cluster failed to {purpose}: {message} (HTTP status {status}{f', {reason}' if reason else ''})"
    return kind(f"{told}; {advice}" if advice else told, status, reason)


def unreachable(purpose: str, error: BaseException) -> ClusterUnreachableError:
    """Make the error for a connection that cannot be made, or broke.

    :param purpose: What was to be done.
    :param error: What the client raised.
    """
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ClusterUnreachableError(f"the cluster could not be reached to {purpose}: {detail}")


def retry_after(headers: Mapping[str, str], body: bytes) -> float | None:
    """Give the seconds after which a server asks to be tried again, if it does.

    :param headers: The answer's headers.
    :param body: The answer's body.
    """
    value = headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    details = _parsed(body).get("details")
    seconds = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    return float(seconds) if isinstance(seconds, int) else None


def _parsed(body: bytes) -> Mapping[str, object]:
    import json

    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
