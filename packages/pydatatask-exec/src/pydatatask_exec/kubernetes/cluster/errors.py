"""Translate the answers of an API server, and the exceptions of its client, into errors of this package."""

from __future__ import annotations

from pydatatask_core.errors import ClusterAccessError, ClusterError, ClusterUnreachableError
from pydatatask_exec.kubernetes.pods.fields import Manifest, is_manifest

__all__ = [
    "ALREADY_EXISTS",
    "EXCEEDED_QUOTA",
    "EXPIRED",
    "cluster_error",
    "parsed_status",
    "unintelligible",
    "unreachable",
]

ALREADY_EXISTS = "AlreadyExists"
"""The reason of an error: the name is taken."""

EXPIRED = "Expired"
"""The reason of an error: the resource version or the continue token is too old."""

EXCEEDED_QUOTA = "ExceededQuota"
"""Our reason for a refusal by a quota of the namespace, which the API server merely calls forbidden."""

_LONGEST = 1000
_EXCERPT = 200

_ADVICE = {
    401: "check the credentials of the configuration",
    403: "have the right given to the user or service account",
    404: "check the namespace and the address of the cluster",
    413: "make the manifest smaller",
    429: "the cluster is busy; lower requests_per_second of the PodManager if this goes on",
}


def cluster_error(purpose: str, status: int, body: bytes) -> ClusterError:
    """Return the error for an answer with an error status.

    :param purpose: What the request was for: ``"create pod x"``.
    :param status: The HTTP status.
    :param body: The answer's body: a Status in JSON, or plain text.
    """
    answer = parsed_status(body)
    message = str(answer.get("message") or body[:_LONGEST].decode("utf-8", "replace").strip() or "no explanation")
    reason = str(answer.get("reason") or "")
    if status == 403 and "exceeded quota" in message:
        return ClusterError(f"the cluster has no room to {purpose} now: {message}", status, EXCEEDED_QUOTA)
    kind = ClusterAccessError if status == 401 or (status == 403 and "cannot" in message) else ClusterError
    advice = _ADVICE.get(status) if kind is ClusterAccessError or status != 403 else "it is tried again"
    text = f"the cluster failed to {purpose}: {message} (HTTP status {status}{f', {reason}' if reason else ''})"
    return kind(f"{text}; {advice}" if advice else text, status, reason)


def unreachable(purpose: str, error: BaseException) -> ClusterUnreachableError:
    """Return the error for a connection that cannot be made, or broke.

    :param purpose: What the request was for.
    :param error: What the client raised.
    """
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ClusterUnreachableError(f"the cluster could not be reached to {purpose}: {detail}")


def unintelligible(purpose: str, answer: object) -> ClusterError:
    """Return the error for an answer with a good status that no API server would send: the page of a proxy, say.

    :param purpose: What the request was for.
    :param answer: The answer, or what was parsed of it.
    """
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else repr(answer)
    return ClusterError(
        f"the answer to the request to {purpose} is not that of an API server: {' '.join(text.split())[:_EXCERPT]!r}; "
        "check the address of the cluster, and the proxies on the way"
    )


def parsed_status(body: bytes) -> Manifest:
    """Return the Status that the body of an error is, or an empty mapping if it is something else.

    :param body: The answer's body.
    """
    import json

    try:
        answer: object = json.loads(body)
    except ValueError:
        return {}
    return answer if is_manifest(answer) else {}
