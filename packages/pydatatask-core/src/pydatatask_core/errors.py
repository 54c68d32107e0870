"""The errors of pydatatask: one small tree under :class:`PydatataskError`.

Where callers would naturally catch a built-in (``KeyError``, ``NameError``, ...), the error is that built-in as well.
Every message names what it is about (task, link, job, store) and what to do next. Errors of stores and clients that the
library does not understand pass through as they are.
"""

from __future__ import annotations

from typing_extensions import override

__all__ = [
    "BrokenRecordError",
    "ClosedSessionError",
    "DefinitionError",
    "DuplicateNameError",
    "FunctionBindingError",
    "InvalidJobIdError",
    "InvalidNameError",
    "JobNotFoundError",
    "LaunchError",
    "ManifestError",
    "MissingExtraError",
    "MissingFunctionError",
    "NoClusterError",
    "NotPicklableError",
    "PipelineStuckError",
    "PydatataskError",
    "QuotaImpossibleError",
    "RecordTypeError",
    "SessionStateError",
    "StoreError",
    "StoreFailedError",
    "StoreRefusedError",
    "StoreUnreachableError",
    "TargetUnreachableError",
    "TemplateError",
    "TemplateNameError",
    "UnknownRelationError",
    "UnwritableStoreError",
    "UsageError",
]


class PydatataskError(Exception):
    """The root of the errors that pydatatask itself raises."""


class _QuotedKeyError(PydatataskError, KeyError):
    """A ``KeyError`` whose text is the message, not the message's ``repr``."""

    @override
    def __str__(self) -> str:
        return Exception.__str__(self)


class InvalidJobIdError(_QuotedKeyError):
    """A string that cannot be a job id of this repository was used as one.

    :param job: The offending string.
    :param repository: What to call the repository in the message.
    """

    def __init__(self, job: str, repository: str) -> None:
        super().__init__(
            f"{job!r} is not a valid job id for {repository}: ids have 1 to 63 characters, by default ASCII letters "
            "and digits only (widen CHARSET in a subclass to allow more)"
        )
        self.job = job


class JobNotFoundError(_QuotedKeyError, FileNotFoundError):
    """A job was opened for reading that the repository does not contain.

    :param job: The job that was asked for.
    :param where: The place that was looked in: a path, a URI or a description of the repository.
    """

    def __init__(self, job: str, where: str) -> None:
        super().__init__(f"job {job!r} is not in {where}")
        self.job = job


class UnknownRelationError(PydatataskError, LookupError):
    """A translator does not say which item of the base repository a job stands for.

    :param job: The job that has no translation.
    :param reason: Why not, and what to do.
    """

    def __init__(
        self, job: str, reason: str = "the translator repository does not contain it; add its translation there"
    ) -> None:
        super().__init__(f"job {job!r} has no related item: {reason}")
        self.job = job


class RecordTypeError(PydatataskError, TypeError):
    """A value was dumped that the store's record format cannot hold."""


class BrokenRecordError(PydatataskError, ValueError):
    """What a store holds as a record cannot be parsed; the message names the job and the place."""


class NotPicklableError(PydatataskError, TypeError):
    """Something was to be sent to another process that means nothing there."""


class StoreError(PydatataskError):
    """A store refused, failed or cannot be reached; the message names it."""


class StoreFailedError(StoreError, OSError):
    """The operating system failed an operation on a store: the disk is full, say, or a directory is gone.

    :param number: The ``errno`` of the failure.
    :param message: What was being done to which job of which store, and why it failed.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(number, message)
        self.message = message

    @override
    def __str__(self) -> str:
        return self.message


class StoreRefusedError(StoreError, PermissionError):
    """A store refused what was asked of it: there are no credentials, wrong ones, or ones that do not suffice."""


class StoreUnreachableError(StoreError, ConnectionError):
    """A store behind a network cannot be reached, did not answer in time, or was cut off in the middle."""


class UnwritableStoreError(StoreError, PermissionError):
    """A store that the pipeline writes to cannot be written."""


class DefinitionError(PydatataskError, ValueError):
    """A pipeline, task or link was put together in a way that cannot work."""


class InvalidNameError(DefinitionError):
    """The name of a task or link does not match ``[A-Za-z_][A-Za-z0-9_-]*``.

    :param kind: ``"task"`` or ``"link"``.
    :param name: The offending name.
    """

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(
            f"{name!r} cannot be the name of a {kind}: it must start with a letter or underscore and go on with "
            "letters, digits, underscores and hyphens (it becomes part of paths, pod names and task.link)"
        )


class DuplicateNameError(DefinitionError):
    """A name that must be unique is taken already: two tasks, two links of a task, two resources of a session."""


class MissingFunctionError(DefinitionError):
    """A function task has no function."""


class FunctionBindingError(PydatataskError, NameError):
    """A function asks for a parameter that is neither ``job`` nor a link of its task."""


class TemplateError(DefinitionError):
    """A template cannot be read, parsed or rendered."""


class TemplateNameError(TemplateError, NameError):
    """A template uses a name that nobody defines."""


class ManifestError(DefinitionError):
    """What a template has been rendered to is no manifest of a pod that can be launched."""


class ClusterError(PydatataskError):
    """A Kubernetes cluster refused or failed a request.

    :param message: What was asked for, what the cluster said, and what to do.
    :param status: The HTTP status of the answer, or None.
    :param reason: The machine-readable reason, ``"AlreadyExists"`` say, or an empty string.
    """

    def __init__(self, message: str, status: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class ClusterAccessError(ClusterError, PermissionError):
    """A Kubernetes cluster does not accept the credentials, or they lack a right."""

    @override
    def __str__(self) -> str:
        return str(self.args[0])


class ClusterUnreachableError(ClusterError, ConnectionError):
    """A Kubernetes cluster cannot be reached, or the connection broke; it is not known what has been done."""

    @override
    def __str__(self) -> str:
        return str(self.args[0])


class NoClusterError(ClusterError, DefinitionError):
    """Nothing tells how a Kubernetes cluster is reached: no configuration was given, and none is where it is sought."""


class LaunchError(PydatataskError):
    """A job could not be started, and will be tried again."""


class TargetUnreachableError(PydatataskError, ConnectionError):
    """A machine on which jobs run cannot be reached; what runs there goes on, and is looked after later."""


class QuotaImpossibleError(PydatataskError):
    """A job asks for more than the whole quota, so that it could never be launched."""


class PipelineStuckError(PydatataskError):
    """A run gave up, since nothing is live and what is ready cannot be launched.

    :param reasons: A line for each thing that stands in the way.
    """

    def __init__(self, reasons: list[str]) -> None:
        lines = "\n".join(f"- {reason}" for reason in reasons)
        super().__init__(f"the pipeline cannot go on, as nothing is live and:\n{lines}")
        self.reasons = reasons


class SessionStateError(PydatataskError, RuntimeError):
    """A session or pipeline was opened twice, or used in a way that its state does not allow."""


class ClosedSessionError(SessionStateError):
    """A resource was used whose session is not open.

    :param name: The resource's name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"resource {name!r} is not available: its session is not open; use it inside `async with session:`, or "
            "`async with pipeline:` where the pipeline is given this session"
        )


class MissingExtraError(PydatataskError, ImportError):
    """An optional library is not installed.

    :param library: The library that is missing.
    :param extra: What to install, e.g. ``pydatatask-storage[s3]``.
    """

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed; install it with: pip install '{extra}'", name=library)


class UsageError(PydatataskError):
    """What the user typed names something that is not there, or cannot be parsed."""
