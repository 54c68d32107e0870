"""Retry policies: how often a failed job is tried again, after how long, and which failures are final."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeGuard, get_args

from pydatatask_core.errors import DefinitionError
from pydatatask_core.outcomes.job_failure import FAILURE_KINDS, FailureKind, JobFailure

__all__ = ["Retry", "RetryRule", "Verdict", "check_retry"]

Verdict = Literal["retry", "give-up", "free"]
"""What a failure leads to: another attempt that counts, none, or one that is bounded by ``Retry.interruptions``."""

_VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
_MOST = 1_000_000
_LONGEST = timedelta(days=366)
_GREATEST_STATUS = 255


@dataclass(frozen=True, kw_only=True)
class RetryRule:
    """What certain failures lead to; a rule matches a failure that fits all that it names.

    Example: ``RetryRule(exit_code=3, then="give-up")`` does not try again what ended with status 3.

    :raises DefinitionError: The rule names nothing, or what no failure can be.
    """

    kind: FailureKind | None = None
    """The kind of failure, or None for any."""

    exit_code: int | None = None
    """The exit status of a process or container, or None for any."""

    exception: type[BaseException] | str | None = None
    """A class of exceptions or its name; subclasses match as well. A name may leave out the module."""

    reason: str | None = None
    """A word for the reason, such as ``OOMKilled``, or None for any."""

    then: Verdict
    """What the failure leads to."""

    def __post_init__(self) -> None:
        """Refuse what could never match, or would match everything."""
        if self.kind is not None and self.kind not in FAILURE_KINDS:
            raise DefinitionError(f"a retry rule says kind={self.kind!r}; write one of {', '.join(FAILURE_KINDS)}")
        if self.then not in _VERDICTS:
            raise DefinitionError(f"a retry rule says then={self.then!r}; write one of {', '.join(_VERDICTS)}")
        if (self.kind, self.exit_code, self.exception, self.reason) == (None, None, None, None):
            raise DefinitionError("a retry rule must name a kind, exit_code, exception or reason that it is about")
        _check_status(self.exit_code)
        _check_exception(self.exception)
        if self.reason is not None and not _is_word(self.reason):
            raise DefinitionError(f"a retry rule says reason={self.reason!r}; write a word, such as 'OOMKilled'")

    def matches(self, failure: JobFailure) -> bool:
        """Tell whether the rule is about a failure.

        :param failure: The failure.
        """
        return (
            self.kind in (None, failure.kind)
            and self.exit_code in (None, failure.exit_code)
            and self.reason in (None, failure.reason)
            and (self.exception is None or _is_named(self.exception, failure.exception_types))
        )


def _is_named(exception: type[BaseException] | str, names: Sequence[str]) -> bool:
    if isinstance(exception, str):
        return any(name == exception or name.endswith(f".{exception}") for name in names)
    builtin = exception.__module__ == "builtins"
    return (exception.__qualname__ if builtin else f"{exception.__module__}.{exception.__qualname__}") in names


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often, and when, the failed jobs of a task are tried again.

    After attempt ``n`` a job waits for ``delay * factor ** (n - 1)``, but at most ``max_delay``, and then up to the
    share ``jitter`` of that longer. The first rule that matches a failure decides what it leads to. If none does, an
    interruption is free, what was cancelled is not tried again, and everything else is.

    Example: ``Retry(attempts=5, rules=[RetryRule(exception=ValueError, then="give-up")])``.

    :raises DefinitionError: A number makes no sense.
    """

    attempts: int = 3
    """How often a job is launched at most, the first time included, apart from free attempts."""

    delay: timedelta = timedelta(seconds=1)
    """How long a job waits after its first attempt."""

    factor: float = 2.0
    """By how much the delay grows with each attempt; at least 1."""

    max_delay: timedelta = timedelta(minutes=5)
    """The longest delay."""

    jitter: float = 0.5
    """The share of the delay, from 0 to 1, by which it is made longer at most, so that jobs do not come all at once."""

    interruptions: int = 10
    """How many attempts of a job may be free."""

    rules: Sequence[RetryRule] = ()
    """What certain failures lead to; the first that matches counts."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        object.__setattr__(self, "rules", _rules(self.rules))
        _check_whole("attempts", self.attempts, 1)
        _check_whole("interruptions", self.interruptions, 0)
        if not _is_between(1.0, self.factor, sys.float_info.max):
            raise DefinitionError(f"Retry: factor is {self.factor!r}; write a finite number of at least 1")
        if not _is_between(0.0, self.jitter, 1.0):
            raise DefinitionError(f"Retry: jitter is {self.jitter!r}; write a share from 0 to 1")
        _check_wait("delay", self.delay)
        _check_wait("max_delay", self.max_delay)
        if self.delay > self.max_delay:
            raise DefinitionError(
                f"Retry: delay ({self.delay}) is longer than max_delay ({self.max_delay}); write a greater max_delay"
            )

    def verdict(self, failure: JobFailure) -> Verdict:
        """Return what a failure leads to, however often the job has failed before.

        :param failure: The failure.
        """
        for rule in self.rules:
            if rule.matches(failure):
                return rule.then
        return _DEFAULTS.get(failure.kind, "retry")


_DEFAULTS: Final[dict[FailureKind, Verdict]] = {"interrupted": "free", "cancelled": "give-up"}


def check_retry(task: str, retry: object) -> None:
    """Refuse what is no retry policy.

    :param task: The name of the task.
    :param retry: The policy, or None.
    :raises DefinitionError: It is something else.
    """
    if retry is not None and not isinstance(retry, Retry):
        raise DefinitionError(f"task {task}: retry is {retry!r}; write a policy, such as Retry(attempts=3)")


def _check_wait(name: str, value: object) -> None:
    if not isinstance(value, timedelta) or not timedelta(0) <= value <= _LONGEST:
        raise DefinitionError(f"Retry: {name} is {value!r}; write a timedelta from 0 to {_LONGEST.days} days")


def _rules(rules: object) -> tuple[object, ...]:
    if not _is_sequence(rules) or not all(isinstance(rule, RetryRule) for rule in rules):
        raise DefinitionError("Retry: rules must be RetryRule objects in a list: rules=[RetryRule(...)]")
    return tuple(rules)


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence)


def _check_status(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _GREATEST_STATUS:
        raise DefinitionError(f"a retry rule says exit_code={value!r}; write a status from 0 to {_GREATEST_STATUS}")


def _check_exception(value: object) -> None:
    if value is not None and not _is_exception_class(value) and not _is_word(value):
        raise DefinitionError(
            f"a retry rule says exception={value!r}; write one class of exceptions, such as OSError, or its name"
        )


def _is_exception_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_between(least: float, value: object, greatest: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= greatest


def _check_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
        raise DefinitionError(f"Retry: {name} is {value!r}; write a whole number from {least} to {_MOST:,}")
