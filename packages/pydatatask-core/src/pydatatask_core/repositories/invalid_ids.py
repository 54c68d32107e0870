"""Reports of the strings in a repository that are no valid job ids: which rule each breaks, and how to widen it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from pydatatask_core.repositories.job_ids import MAX_LENGTH

__all__ = ["IdRule", "InvalidIds", "explain_invalid"]

_log = logging.getLogger("pydatatask.repository")
_WARNINGS_AT_MOST = 100
_SHOWN = 20


class IdRule(Protocol):
    """What decides which strings are job ids: a repository."""

    @property
    def CHARSET(self) -> str:
        """The allowed characters."""
        ...

    @property
    def CHARSET_START_END(self) -> str:
        """The characters allowed first and last."""
        ...

    def describe(self) -> str:
        """Return a name for messages."""
        ...

    def admits(self, job: str) -> bool:
        """Tell whether ``job`` is a job id."""
        ...

    def sources(self) -> Sequence[IdRule]:
        """Return the repositories that a derived one takes its jobs from."""
        ...


def explain_invalid(rule: IdRule, job: str) -> str:
    """Return why a string is no job id of a repository, and what to do.

    :param rule: The repository.
    :param job: The string.
    """
    rule = _decisive(rule, job)
    widening = _widening(rule, *_missing(rule, job))
    return f"{_reason(rule, job)}; use another id" + (f", or {widening} to allow it" if widening else "")


class InvalidIds:
    """Logs each invalid string of a repository once, at most a hundred of them, and how to rename or allow them all."""

    def __init__(self) -> None:
        self._warned: set[str] = set()
        self._has_more = False
        self._summarized = 0
        self._missing: tuple[str, str] = ("", "")

    def report(self, rule: IdRule, job: str | None, reason: str | None = None) -> None:
        """Report that a string was skipped; or with None that all were tested, and so how many were skipped.

        :param rule: The repository.
        :param job: The string that is no valid job id, or None.
        :param reason: Why it is none, where that does not follow from the rule of the repository.
        """
        if job is None:
            self._summarize(rule)
        elif job not in self._warned:
            self._warn(rule, job, reason)

    def _warn(self, rule: IdRule, job: str, reason: str | None) -> None:
        if len(self._warned) >= _WARNINGS_AT_MOST:
            self._has_more = True
            return
        self._warned.add(job)
        why = _reason(_decisive(rule, job), job) if reason is None else reason
        _log.warning("%s: skipping %r - not a valid job id: %s", rule.describe(), job, why)
        if reason is None:
            self._missing = _joined(self._missing, _missing(rule, job))

    def _summarize(self, rule: IdRule) -> None:
        """Log the number and what to do, the first time and whenever the number has doubled."""
        count = len(self._warned)
        if count < max(1, 2 * self._summarized):
            return
        self._summarized = count
        widening = _widening(rule, *self._missing)
        _log.warning(
            "%s: %s %s skipped, which %s; rename them%s",
            rule.describe(),
            f"more than {count}" if self._has_more else count,
            "name is" if count == 1 else "names are",
            "cannot be the id of a job" if count == 1 else "cannot be ids of jobs",
            f", or {widening} to have them as jobs" if widening else "",
        )


def _decisive(rule: IdRule, job: str) -> IdRule:
    """Return the repository that refuses the string, for a repository that is made of others."""
    # A translated view has the ids of its translator, which is the last of its sources.
    refusing = next((source for source in reversed(rule.sources()) if not source.admits(job)), None)
    return rule if refusing is None else _decisive(refusing, job)


def _reason(rule: IdRule, job: str) -> str:
    if not job:
        return "it is empty"
    if len(job) > MAX_LENGTH:
        return f"it has {len(job)} characters, and at most {MAX_LENGTH} are allowed"
    inner, ends = _missing(rule, job)
    if inner:
        return f"it has {_quoted(inner)}, which {'is' if len(inner) == 1 else 'are'} not in CHARSET"
    if ends:
        return f"it starts or ends with {_quoted(ends)}, which is not in CHARSET_START_END"
    return f"{type(rule).__name__} refuses it by a rule of its own"


def _missing(rule: IdRule, job: str) -> tuple[str, str]:
    """Return the characters that both alphabets lack to allow a string, which is too long or empty if there is none."""
    if not 0 < len(job) <= MAX_LENGTH:
        return "", ""
    return _lacking(rule.CHARSET, job), _lacking(rule.CHARSET_START_END, job[0] + job[-1])


def _lacking(charset: str, text: str) -> str:
    return "".join(dict.fromkeys(character for character in text if character not in charset))


def _joined(some: tuple[str, str], more: tuple[str, str]) -> tuple[str, str]:
    return some[0] + _lacking(some[0], more[0]), some[1] + _lacking(some[1], more[1])


def _widening(rule: IdRule, inner: str, ends: str) -> str:
    cls = type(rule).__name__
    added = [
        f"{name} = {cls}.{name} + {''.join(sorted(more))!r}"
        for name, more in (("CHARSET", inner), ("CHARSET_START_END", ends))
        if more
    ]
    return f"use a subclass of {cls} with {' and '.join(added)}" if added else ""


def _quoted(characters: str) -> str:
    shown = ", ".join(map(repr, characters[:_SHOWN]))
    return f"{shown}, ..." if len(characters) > _SHOWN else shown
