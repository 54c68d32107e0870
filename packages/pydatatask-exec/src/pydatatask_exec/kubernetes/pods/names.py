"""Names of pods, each of which is the claim of one job.

A name depends on app, task and job alone, and no two jobs share one: so the API server lets only one of two launches of
a job create its pod. Where the parts are legal in a DNS label the name is readable; otherwise it ends in a hash.
"""

from __future__ import annotations

import re

from pydatatask_exec.kubernetes.pods.labels import LONGEST, PodIdentity, with_hash

__all__ = ["pod_name"]

_WORD = re.compile(r"[a-z0-9]+")
_DNS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NOT_DNS = re.compile(r"[^a-z0-9]+")


def pod_name(identity: PodIdentity) -> str:
    """Return the name of a job's pod: ``app-task-job`` where that is legal and unambiguous.

    :param identity: The job.
    :returns: A DNS label of at most 63 characters.
    """
    app, task, job = identity
    plain = f"{app}-{task}-{job}"
    # Task and job without hyphens show where each part begins; an app without a double hyphen cannot be read as a hash.
    unambiguous = _DNS.fullmatch(app) and "--" not in app and _WORD.fullmatch(task) and _WORD.fullmatch(job)
    if unambiguous and len(plain) <= LONGEST:
        return plain
    readable = _NOT_DNS.sub("-", plain.lower()).strip("-")
    return with_hash(readable, "\0".join(map(_escaped, identity)))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\0", "\\0")
