"""What records have to say: the truth, and of a failure only where somebody has caused it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integration.chaos.journal import Entry
from integration.chaos.side_door import Records

RETURN_CODES: dict[str, int | None] = {"script": 137, "politely": 143, "all": 137, "supervisor": None}
"""What becomes of a process that is killed in a certain manner."""

_SUCCESS = {
    "store": ("result", "success"),
    "rotate": ("return_code", 0),
    "digest": ("reason", "Succeeded"),
    "report": ("result", "success"),
}
"""By task, what tells of a success."""


def has_failed(task: str, record: Mapping[str, Any]) -> bool:
    """Tell whether a record is one of a failure."""
    key, success = _SUCCESS[task]
    return bool(record[key] != success)


def record_problems(records: Mapping[str, Records], entries: Sequence[Entry]) -> Iterator[str]:
    """Give what is wrong with the records."""
    of_jobs: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        of_jobs[entry.task, entry.job].append(entry)
    for task, of_task in records.items():
        for job, record in of_task.items():
            told = _since_removal(of_jobs[task, job])
            why = _lie(task, record, told)
            if why is not None:
                yield f"{task} {job}: {why}: {dict(record)}, {told}"


def _since_removal(entries: Sequence[Entry]) -> Sequence[Entry]:
    removals = [number for number, entry in enumerate(entries) if entry.what == "removed"]
    return entries[removals[-1] + 1 :] if removals else entries


def _lie(task: str, record: Mapping[str, Any], told: Sequence[Entry]) -> str | None:
    if record["end_time"] < record["start_time"]:
        return "it ended before it began"
    if not has_failed(task, record):
        return None if any(entry.what == "end" for entry in told) else "it is not true that it came to its end"
    if task in ("store", "report"):
        return None if record["exception"].startswith("Store") else "it failed, but of no store"
    kills = [entry.detail for entry in told if entry.what == "killed"]
    if not kills:
        return "it failed, but nobody has killed it"
    if task == "digest":
        true = (record["reason"], record["exit_code"]) == ("Failed", 137)
    else:
        told_of = record["return_code"], "reason" in record
        true = told_of in [(RETURN_CODES[kill], kill == "supervisor") for kill in kills]
    return None if true else "it was killed, but not like that"
