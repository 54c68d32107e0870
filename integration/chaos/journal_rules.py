"""What the journal has to tell: no job ran twice at a time, none was begun too early, none again without a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from integration.chaos.journal import Entry
from integration.chaos.pipeline import AT_A_TIME

TASKS = ("store", "rotate", "digest", "report")
"""In the order in which a job goes through them."""

_REASON_TO_REPEAT = {"rotate": "forgot", "digest": "evicted"}
"""What must have been done to a job that is begun again; those in the pipeline's process may be, as it is killed."""


def journal_problems(entries: Sequence[Entry], jobs: Collection[str]) -> Iterator[str]:
    """Give what is wrong with the journal."""
    yield from (f"it ran twice at a time: {entry}" for entry in entries if entry.what == "overlap")
    yield from (f"there is no such job: {entry}" for entry in entries if entry.job not in jobs)
    yield from _begun_too_early(entries)
    yield from _repeated(entries)
    yield from _beyond_the_quota(entries)


def _begun_too_early(entries: Sequence[Entry]) -> Iterator[str]:
    over: set[tuple[str, str]] = set()
    for entry in entries:
        match entry.what:
            case "end" | "fail" | "killed":
                over.add((entry.task, entry.job))
            case "removed":
                over.discard((entry.task, entry.job))
            case "start" if entry.task != TASKS[0]:
                before = TASKS[TASKS.index(entry.task) - 1]
                if (before, entry.job) not in over:
                    yield f"it was begun before {before} was over: {entry}"


def _repeated(entries: Sequence[Entry]) -> Iterator[str]:
    starts: Counter[tuple[str, str]] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        key = entry.task, entry.job
        if entry.what == "removed":
            del starts[key], reasons[key]
        starts[key] += entry.what == "start"
        reasons[key] += entry.what == _REASON_TO_REPEAT.get(entry.task)
    for (task, job), count in starts.items():
        if task in _REASON_TO_REPEAT and count > 1 + reasons[task, job]:
            yield f"it was begun {count} times, with {reasons[task, job]} reasons to repeat it: {task} {job}"


def _beyond_the_quota(entries: Sequence[Entry]) -> Iterator[str]:
    """Count processes; of a pod that is evicted it cannot be told here whether it has begun."""
    running: set[str] = set()
    for entry in entries:
        if entry.task != "rotate":
            continue
        if entry.what == "start":
            running.add(entry.job)
            if len(running) > AT_A_TIME:
                yield f"more than {AT_A_TIME} processes at a time: {sorted(running)}"
        else:
            running.discard(entry.job)
