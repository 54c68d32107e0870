"""The errors of pydatatask, all of them subclasses of :class:`PydatataskError`.

Where callers would naturally catch a built-in (``KeyError``, ``NameError``, ...), the error is that built-in as well.
Every message names its subject (task, link, job, store), the cause, and what to do next. Errors of stores and clients
that the library does not know pass through unchanged.
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
    "JobFailedError",
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
    "WorkersFailedError",
]


class PydatataskError(Exception):
    """Base class of the errors that pydatatask raises."""


class _QuotedKeyError(PydatataskError, KeyError):
    """A ``KeyError`` whose text is the message, not the message's ``repr``."""

    @override
    def __str__(self) -> str:
        return Exception.__str__(self)


class InvalidJobIdError(_QuotedKeyError):
    """A string is not a valid job id for the repository that it was used with.

    :param job: The string.
    :param repository: The repository's name in the message.
    :param reason: Which rule it breaks, and what to do.
    """

    def __init__(
        self,
        job: str,
        repository: str,
        reason: str = "ids have 1 to 63 characters, by default ASCII letters and digits only; use another id, or widen "
        "CHARSET in a subclass to allow more",
    ) -> None:
        super().__init__(f"{job!r} is not a valid job id for {repository}: {reason}")
        self.job = job


class JobNotFoundError(_QuotedKeyError, FileNotFoundError):
    """A job that is to be read is not in the repository.

    :param job: The job.
    :param where: Where it was expected: a path, a URI or a description of the repository.
    """

    def __init__(self, job: str, where: str) -> None:
        super().__init__(f"job {job!r} is not in {where}")
        self.job = job


class UnknownRelationError(PydatataskError, LookupError):
    """A translator has no related item for a job.

    :param job: The job that has no translation.
    :param reason: Why not, and what to do.
    """

    def __init__(
        self, job: str, reason: str = "the translator repository does not contain it; add its translation there"
    ) -> None:
        super().__init__(f"job {job!r} has no related item: {reason}")
        self.job = job


class RecordTypeError(PydatataskError, TypeError):
    """The store's record format cannot hold a value."""


class BrokenRecordError(PydatataskError, ValueError):
    """A record in a store cannot be parsed; the message names the job and the place."""


class NotPicklableError(PydatataskError, TypeError):
    """An object that has no meaning in another process cannot be sent there."""


class StoreError(PydatataskError):
    """A store refused or failed an operation, or cannot be reached; the message names the store."""


class StoreFailedError(StoreError, OSError):
    """The operating system failed an operation on a store: the disk is full, for example, or a directory is gone.

    :param number: The ``errno`` of the failure.
    :param message: What failed for which job of which store, and why.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(number, message)
        self.message = message

    @override
    def __str__(self) -> str:
        return self.message


class StoreRefusedError(StoreError, PermissionError):
    """A store refused a request: credentials are missing, wrong, or lack a right."""


class StoreUnreachableError(StoreError, ConnectionError):
    """A networked store cannot be reached, did not answer in time, or failed for now: what it was asked may work later.

    If the function of a task raises it, that says nothing about the job: it is tried again, and not recorded.
    """


class UnwritableStoreError(StoreError, PermissionError):
    """A store that the pipeline writes to is not writable."""


class DefinitionError(PydatataskError, ValueError):
    """The definition of a pipeline, task or link cannot work."""


class InvalidNameError(DefinitionError):
    """The name of a task or link does not match ``[A-Za-z_][A-Za-z0-9_-]*``.

    :param kind: ``"task"`` or ``"link"``.
    :param name: The name.
    """

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(
            f"{name!r} cannot be the name of a {kind}: it must start with a letter or underscore and go on with "
            "letters, digits, underscores and hyphens (it becomes part of paths, pod names and task.link)"
        )


class DuplicateNameError(DefinitionError):
    """A name is taken already: two tasks, two links of a task or two resources of a session cannot share one."""


class MissingFunctionError(DefinitionError):
    """A function task has no function."""


class FunctionBindingError(PydatataskError, NameError):
    """A function asks for a parameter that is neither ``job`` nor a link of its task."""


class TemplateError(DefinitionError):
    """A template cannot be read, parsed or rendered."""


class TemplateNameError(TemplateError, NameError):
    """A template uses an undefined name."""


class ManifestError(DefinitionError):
    """A rendered template is not the manifest of a pod that can be launched."""


class ClusterError(PydatataskError):
    """A Kubernetes cluster refused or failed a request.

    :param message: The request, the cluster's answer, and what to do.
    :param status: The HTTP status of the answer, or None.
    :param reason: The machine-readable reason, for example ``"AlreadyExists"``, or an empty string.
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
    """A Kubernetes cluster cannot be reached, or the connection broke; the request may or may not have been done."""

    @override
    def __str__(self) -> str:
        return str(self.args[0])


class NoClusterError(ClusterError, DefinitionError):
    """No Kubernetes cluster is configured: no configuration was given, and none is in the usual places."""


class JobFailedError(PydatataskError):
    """A job has run and failed; the text says how. It is passed to listeners and never raised."""


class LaunchError(PydatataskError):
    """A job could not be started; it will be tried again."""


class TargetUnreachableError(PydatataskError, ConnectionError):
    """A machine on which jobs run cannot be reached; its jobs go on, and are reconciled once it answers."""


class WorkersFailedError(PydatataskError):
    """The workers of an executor cannot start, so that it can run no job; the message has the reason."""


class QuotaImpossibleError(PydatataskError):
    """A job needs more than the whole quota and could never be launched."""


class PipelineStuckError(PydatataskError):
    """A run gave up because nothing is live and the ready jobs cannot be launched.

    :param reasons: A line for each obstacle.
    """

    def __init__(self, reasons: list[str]) -> None:
        lines = "\n".join(f"- {reason}" for reason in reasons)
        super().__init__(f"the pipeline cannot go on, as nothing is live and:\n{lines}")
        self.reasons = reasons


class SessionStateError(PydatataskError, RuntimeError):
    """The state of a session or pipeline does not allow an operation, such as opening it twice."""


class ClosedSessionError(SessionStateError):
    """A resource was used while its session is not open.

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
    """A command's argument cannot be parsed, or names something that does not exist."""
