"""How a pod failed, as an outcome of its job: which failures are the job's own, and which only interrupted it."""

from __future__ import annotations

from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_exec.kubernetes.pods.function_errors import FunctionError
from pydatatask_exec.kubernetes.pods.state import Phase, PodState

__all__ = ["failure_of", "pod_deleted"]

_INTERRUPTIONS = frozenset(
    {
        "Evicted",
        "NodeAffinity",
        "NodeLost",
        "NodeShutdown",
        "Preempting",
        "Shutdown",
        "Terminated",
        "TopologyAffinityError",
        "UnexpectedAdmissionError",
    }
)
"""The reasons of pods that a node has stopped or refused, be it short of something or shutting down."""

_OUT_OF = "OutOf"
"""How the reasons begin of pods that a node has refused for want of something: ``OutOfcpu``, ``OutOfmemory``, …"""

_DEADLINE = "DeadlineExceeded"
_SIGNALLED = range(129, 193)


def failure_of(pod: PodState, reason: str, error: FunctionError | None) -> JobFailure | None:
    """Return how a pod failed, or None if it has succeeded.

    :param pod: The pod, which has ended.
    :param reason: The reason of its outcome record: ``Succeeded``, ``Failed`` or ``Timeout``.
    :param error: What its function has raised, if that is known.
    """
    if reason == Phase.SUCCEEDED.value:
        return None
    condition = pod.condition
    word = None if condition is None else condition.reason
    why = f" ({condition})" if condition else ""
    if reason == "Timeout" or word == _DEADLINE:
        return JobFailure("timeout", f"its pod existed for longer than its timeout{why}", pod.exit_code, reason=word)
    if pod.disrupted or (word is not None and (word in _INTERRUPTIONS or word.startswith(_OUT_OF))):
        return JobFailure("interrupted", f"the cluster stopped its pod{why}", pod.exit_code, reason=word)
    if error is not None:
        return JobFailure("exception", error.exception, pod.exit_code, exception_types=error.types)
    return JobFailure("exit", f"{_end(pod, reason)}{why}", pod.exit_code, reason=word)


def pod_deleted(pod: PodState) -> JobFailure:
    """Return the failure of a job whose pod was deleted before it ended, by the cluster or by hand.

    :param pod: The pod.
    """
    why = f" ({pod.condition})" if pod.condition else ""
    return JobFailure("interrupted", f"its pod {pod.name} was deleted{why}", reason=_word_of_deletion(pod))


def _word_of_deletion(pod: PodState) -> str:
    return "Deleted" if pod.condition is None else pod.condition.reason


def _end(pod: PodState, reason: str) -> str:
    code = pod.exit_code
    if code is None:
        return f"its pod ended as {reason}"
    by_signal = f" (signal {code - 128})" if code in _SIGNALLED else ""
    return f"its pod ended with exit code {code}{by_signal}"
