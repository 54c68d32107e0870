"""Labels and annotations of pods: which job a pod belongs to, in characters that Kubernetes allows.

Annotations hold the exact names of app, task and job. Labels hold values that selectors can use: the names themselves
where they are legal, and otherwise a legal form with a hash, so that no two names share a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydatatask_exec.kubernetes.pods.fields import Manifest, section

__all__ = [
    "LONGEST",
    "PodIdentity",
    "has_hash",
    "identity_of",
    "label_selector",
    "label_value",
    "labelled",
    "pod_labels",
    "with_hash",
]

LONGEST = 63
"""The number of characters that a label, and a DNS label, may have."""

_APP, _TASK, _JOB = "app", "task", "job"
_PREFIX = "pydatatask/"
_HASH_LENGTH = 20
_HASHED = re.compile(r".*--[0-9a-f]{20}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_NOT_LABEL = re.compile(r"[^A-Za-z0-9_.-]+")


class PodIdentity(NamedTuple):
    """The job that a pod belongs to."""

    app: str
    """The name of the application."""

    task: str
    """The name of the task."""

    job: str
    """The id of the job."""

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations with the exact names."""
        return {_PREFIX + _APP: self.app, _PREFIX + _TASK: self.task, _PREFIX + _JOB: self.job}


def identity_of(labels: Mapping[str, str], annotations: Mapping[str, str]) -> PodIdentity | None:
    """Return which job a pod belongs to, by its annotations or else its labels; None if it is no pod of ours.

    :param labels: The pod's labels.
    :param annotations: The pod's annotations.
    """
    app, task, job = (annotations.get(_PREFIX + key) or labels.get(key) for key in (_APP, _TASK, _JOB))
    return PodIdentity(app, task, job) if app and task and job else None


def pod_labels(identity: PodIdentity) -> dict[str, str]:
    """Return the labels of a job's pod: ``app``, ``task`` and ``job``.

    :param identity: The job.
    """
    return {_APP: label_value(identity.app), _TASK: label_value(identity.task), _JOB: label_value(identity.job)}


def labelled(metadata: Manifest, identity: PodIdentity) -> dict[str, Any]:
    """Return the metadata of a manifest with the labels and annotations of a job added.

    :param metadata: The metadata; its other labels and annotations stay.
    :param identity: The job.
    """
    return {
        **metadata,
        "labels": {**section(metadata, "labels"), **pod_labels(identity)},
        "annotations": {**section(metadata, "annotations"), **identity.annotations},
    }


def label_selector(app: str) -> str:
    """Return the selector of all pods of an app; pods that merely have a label with the app's name do not match.

    :param app: The name of the application.
    """
    return f"{_APP}={label_value(app)},{_TASK},{_JOB}"


def label_value(text: str) -> str:
    """Return the label value for a name: the name itself where it is legal.

    :param text: The name of an app or task, or the id of a job; not empty.
    """
    if len(text) <= LONGEST and _LABEL.fullmatch(text) and not has_hash(text):
        return text
    return with_hash(_NOT_LABEL.sub("-", text).strip("-_."), text)


def has_hash(text: str) -> bool:
    """Return whether a text ends like one of :func:`with_hash`, and so could be confused with it.

    :param text: The text.
    """
    return _HASHED.fullmatch(text) is not None


def with_hash(readable: str, exact: str) -> str:
    """Return a legal text that ends in a hash, so that it is unique and can still be recognized.

    :param readable: Legal characters only; what is too long is cut.
    :param exact: What is hashed.
    """
    import hashlib  # few names need it, and it takes long to load

    digest = hashlib.sha256(exact.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    room = LONGEST - _HASH_LENGTH - 2
    return f"{readable[:room].rstrip('-_.') or 'x'}--{digest}"
