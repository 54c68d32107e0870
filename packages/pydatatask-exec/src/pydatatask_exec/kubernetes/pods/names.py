"""What pods are called: names, labels and annotations that Kubernetes takes, and no two jobs have in common.

The name of a pod is its job's claim, so it must follow from app, task and job alone, and differ for any two jobs. What
is legal as it is stays readable; the rest is made so, and told apart by a hash, behind a double hyphen, which what is
left as it is never has in that place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = [
    "APP",
    "JOB",
    "TASK",
    "PodIdentity",
    "identity_of",
    "label_selector",
    "label_value",
    "pod_labels",
    "pod_name",
]

APP = "app"
"""The label that tells the app, and with the prefix of annotations, its exact name."""

TASK = "task"
"""The same for the task."""

JOB = "job"
"""The same for the job."""

_PREFIX = "pydatatask/"
_LONGEST = 63
_HASH_LENGTH = 20
_HASHED = re.compile(r".*--[0-9a-f]{20}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_NOT_LABEL = re.compile(r"[^A-Za-z0-9_.-]+")
_WORD = re.compile(r"[a-z0-9]+")
_DNS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NOT_DNS = re.compile(r"[^a-z0-9]+")


class PodIdentity(NamedTuple):
    """Which job a pod belongs to."""

    app: str
    """The name of the application."""

    task: str
    """The name of the task."""

    job: str
    """The id of the job."""

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations that keep the three as they are."""
        return {_PREFIX + APP: self.app, _PREFIX + TASK: self.task, _PREFIX + JOB: self.job}


def pod_name(identity: PodIdentity) -> str:
    """Give the name of the pod of a job: ``app-task-job`` where that is legal and cannot be misread.

    :param identity: The job.
    :returns: A DNS label of at most 63 characters.
    """
    app, task, job = identity
    plain = f"{app}-{task}-{job}"
    # Without hyphens in the last two parts it is clear where each begins; without a double one it looks like no hash.
    clear = _DNS.fullmatch(app) and "--" not in app and _WORD.fullmatch(task) and _WORD.fullmatch(job)
    if clear and len(plain) <= _LONGEST:
        return plain
    readable = _NOT_DNS.sub("-", plain.lower()).strip("-")
    return _with_hash(readable, "\0".join((*map(_escaped, identity),)))


def label_value(text: str) -> str:
    """Give the value of a label that stands for a text: the text itself where it is legal.

    :param text: The name of an app or task, or the id of a job; not empty.
    """
    if len(text) <= _LONGEST and _LABEL.fullmatch(text) and not _HASHED.fullmatch(text):
        return text
    return _with_hash(_NOT_LABEL.sub("-", text).strip("-_."), text)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\0", "\\0")


def _with_hash(readable: str, exact: str) -> str:
    digest = hashlib.sha256(exact.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    room = _LONGEST - _HASH_LENGTH - 2
    return f"{readable[:room].rstrip('-_.') or 'x'}--{digest}"


def pod_labels(identity: PodIdentity) -> dict[str, str]:
    """Give the labels of a job's pod: ``app``, ``task`` and ``job``.

    :param identity: The job.
    """
    return {APP: label_value(identity.app), TASK: label_value(identity.task), JOB: label_value(identity.job)}


def label_selector(app: str) -> str:
    """Give the selector that matches all pods of an app, and nothing that is merely labelled with the app's name.

    :param app: The name of the application.
    """
    return f"{APP}={label_value(app)},{TASK},{JOB}"


def identity_of(labels: Mapping[str, str], annotations: Mapping[str, str]) -> PodIdentity | None:
    """Tell which job a pod belongs to: its annotations say, or for want of those, its labels.

    :param labels: The pod's labels.
    :param annotations: The pod's annotations.
    :returns: The job, or None if it is no pod of ours.
    """
    values = [annotations.get(_PREFIX + key) or labels.get(key) for key in (APP, TASK, JOB)]
    app, task, job = values
    return PodIdentity(app, task, job) if app and task and job else None
