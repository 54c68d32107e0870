"""What is stored of an outcome, as any kind of store gives it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeGuard

from pydatatask_core.outcomes.job_failure import FAILURE_KINDS, FailureKind

__all__ = ["OutcomeRecord", "is_record", "read_outcome", "short"]

_EARLIER_FIELDS = ("attempt", "claim", "kind", "summary", "start_time", "end_time")


@dataclass(frozen=True)
class OutcomeRecord:
    """The fields of a record in ``done`` or ``failures`` that decide what happens next."""

    attempt: int = 0
    """The number of the attempt that it is about, counted from 1; 0 if a record does not say."""

    interruptions: int = 0
    """How many attempts up to this one were free."""

    kind: FailureKind | None = None
    """How the job failed; None in a record of success, or in one that does not say."""

    summary: str = ""
    """What happened, in one line."""

    claim: str | None = None
    """The claim of the attempt: the identity of its process, the uid of its pod, or a random text."""

    retry_at: datetime | None = None
    """When the job may be launched again; None if it is given up."""

    started: datetime | None = None
    """When another attempt has begun whose claim lives only in a controller's memory."""

    end_time: datetime | None = None
    """When the attempt ended; None in the request to cancel one that may still run."""

    earlier: Sequence[Mapping[str, object]] = field(default=())
    """The attempts before this one, in short, the oldest first."""

    @property
    def is_final(self) -> bool:
        """Whether it is the record of a failure after which the job is not tried again."""
        return self.end_time is not None and self.retry_at is None and self.started is None

    @property
    def next_step(self) -> str:
        """What becomes of the job after this failure, for messages; times are those of the local clock."""
        if self.retry_at is None:
            return "it is not tried again"
        at, ended = self.retry_at.astimezone(), self.end_time
        is_same_day = ended is not None and ended.astimezone().date() == at.date()
        return f"it is tried again at {at:%H:%M:%S}" if is_same_day else f"it is tried again at {at:%Y-%m-%d %H:%M:%S}"

    @property
    def is_request(self) -> bool:
        """Whether it is the request to cancel a job that has not ended yet."""
        return self.end_time is None and self.kind == "cancelled"

    def earlier_number(self, claim: str) -> int | None:
        """Return the number of the earlier attempt that had a claim, or None if none of those that are kept had it.

        :param claim: The claim.
        """
        return next((_count(entry.get("attempt")) for entry in self.earlier if entry.get("claim") == claim), None)


def read_outcome(record: object) -> OutcomeRecord:
    """Read a record, however much of it is there.

    A record that is none, or was written by another program, is one of a failure that is final.

    :param record: What the repository gives.
    """
    if not is_record(record):
        return OutcomeRecord(end_time=datetime.fromtimestamp(0, UTC))
    get = record.get
    kind = _kind(get("kind"))
    end_time = _time(get("end_time"))
    if end_time is None and kind is None:
        end_time = datetime.fromtimestamp(0, UTC)
    return OutcomeRecord(
        attempt=_count(get("attempt")),
        interruptions=_count(get("interruptions")),
        kind=kind,
        summary=str(get("summary") or get("exception") or get("reason") or ""),
        claim=None if get("claim") is None else str(get("claim")),
        retry_at=_time(get("retry_at")),
        started=_time(get("started")),
        end_time=end_time,
        earlier=_records(get("earlier")),
    )


def short(record: Mapping[str, object]) -> dict[str, object]:
    """Return what a later attempt's record keeps of this one.

    :param record: A failure's record.
    """
    return {name: record[name] for name in _EARLIER_FIELDS if record.get(name) is not None}


def _kind(value: object) -> FailureKind | None:
    for kind in FAILURE_KINDS:
        if kind == value:
            return kind
    return None


def is_record(value: object) -> TypeGuard[Mapping[str, object]]:
    """Tell whether a value can be a record.

    :param value: What a repository gives.
    """
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


def _records(value: object) -> list[Mapping[str, object]]:
    return [entry for entry in value if is_record(entry)] if _is_list(value) else []


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _time(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value
