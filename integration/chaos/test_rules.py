"""The referee's rules find what is wrong: a journal and records that are right, and one lie after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from integration.chaos.disturbances import draw
from integration.chaos.expectations import expected_values
from integration.chaos.journal import Entry
from integration.chaos.journal_rules import journal_problems
from integration.chaos.record_rules import record_problems
from integration.chaos.stagehand import Stagehand

TASKS = ("store", "rotate", "digest", "report")
RIGHT = [Entry(what, task, "a", "1") for task in TASKS for what in ("start", "end")]
TIMES = {"start_time": 1, "end_time": 2}


def journal(*lines: str) -> list[Entry]:
    return [Entry(*line.split(" ", 3)) for line in lines]


def test_a_right_journal_has_no_problems() -> None:
    assert list(journal_problems(RIGHT, {"a"})) == []


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([*RIGHT, *journal("overlap rotate a 2")], "it ran twice at a time"),
        (journal("start store b 1"), "there is no such job"),
        (journal("start store a 1", "start rotate a 2"), "it was begun before store was over"),
        (
            [*RIGHT, *journal("removed rotate a rm", "removed digest a rm", "start digest a 2")],
            "it was begun before rotate was over",
        ),
        ([*RIGHT, *journal("start rotate a 2")], "it was begun 2 times, with 0 reasons"),
        ([*RIGHT, *journal("start digest a 2")], "it was begun 2 times, with 0 reasons"),
    ],
)
def test_what_is_wrong_with_a_journal_is_found(entries: list[Entry], problem: str) -> None:
    (found,) = journal_problems(entries, {"a"})
    assert found.startswith(problem)


def test_more_processes_than_the_quota_admits_are_found() -> None:
    jobs = [f"j{number}" for number in range(7)]
    entries = [Entry("end", "store", job, "1") for job in jobs] + [Entry("start", "rotate", job, "1") for job in jobs]
    (found,) = journal_problems(entries, jobs)
    assert found.startswith("more than 6 processes at a time")


@pytest.mark.parametrize("reason", ["forgot rotate a rm", "removed rotate a rm"])
def test_a_job_may_be_begun_again_for_a_reason(reason: str) -> None:
    assert list(journal_problems([*RIGHT, *journal(reason, "start rotate a 2", "end rotate a 2")], {"a"})) == []


@pytest.mark.parametrize(
    ("task", "record", "happened"),
    [
        ("store", {"result": "success"}, ["end"]),
        ("store", {"result": "exception", "exception": "StoreError('no')"}, ["start"]),
        ("rotate", {"return_code": 0}, ["end"]),
        ("rotate", {"return_code": 137}, ["killed"]),
        ("digest", {"reason": "Succeeded"}, ["end"]),
    ],
)
def test_true_records_have_no_problems(task: str, record: dict[str, Any], happened: list[str]) -> None:
    entries = [Entry(what, task, "a", "script") for what in happened]
    assert list(record_problems({task: {"a": record | TIMES}}, entries)) == []


@pytest.mark.parametrize(
    ("task", "record", "happened", "problem"),
    [
        ("store", {"result": "success"}, [], "it is not true"),
        ("store", {"result": "exception", "exception": "KeyError('a')"}, [], "it failed, but of no store"),
        ("rotate", {"return_code": 0}, ["end", "removed"], "it is not true"),
        ("rotate", {"return_code": 1}, ["end"], "it failed, but nobody has killed it"),
        ("rotate", {"return_code": None, "reason": "vanished"}, ["killed"], "it was killed, but not like that"),
        ("digest", {"reason": "Failed", "exit_code": 137}, ["evicted"], "it failed, but nobody has killed it"),
        ("digest", {"reason": "Timeout", "exit_code": 137}, ["killed"], "it was killed, but not like that"),
        ("digest", {"reason": "Succeeded", "end_time": 0}, ["end"], "it ended before it began"),
    ],
)
def test_records_that_are_not_true_are_found(
    task: str, record: dict[str, Any], happened: list[str], problem: str
) -> None:
    entries = [Entry(what, task, "a", "script") for what in happened]
    records: Mapping[str, Mapping[str, Mapping[str, Any]]] = {task: {"a": TIMES | record}}
    (found,) = record_problems({name: dict(jobs) for name, jobs in records.items()}, entries)
    assert found.startswith(f"{task} a: {problem}")


def test_every_byte_is_expected_from_the_input_alone() -> None:
    values = expected_values({"a": b"Hi\n"})
    assert values["blobs"] == {"a": b"hI\n"}
    assert values["rotated"] == {"a": b"uV\n"}
    assert values["reports"]["a"].startswith(b"a has 3 bytes with the digest ")


def test_a_seed_draws_the_same_disturbances_again_and_each_can_be_carried_out() -> None:
    drawn = draw(7, 500)
    assert drawn == draw(7, 500) != draw(8, 500)
    assert all(callable(getattr(Stagehand, disturbance.kind)) for disturbance in drawn)
