from __future__ import annotations

from typing import Any

import pytest
from core_own_repository import Own
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core import Repository
from pydatatask_core.repositories.job_ids import CHARSET, are_usual_ids, is_job_id

CANDIDATES = st.text(st.sampled_from(CHARSET[:3] + "-_./ äé²٣\0"), max_size=70) | st.text(CHARSET, max_size=70)


def is_id(job: str, charset: str, charset_start_end: str) -> bool:
    """The rule as the contract words it."""
    ends = job[:1] + job[-1:]
    return 1 <= len(job) <= 63 and all(c in charset for c in job) and all(c in charset_start_end for c in ends)


@pytest.mark.fuzz
@pytest.mark.requirement("ids.length", "ids.charset", "ids.charset-start-end")
@given(CANDIDATES)
def test_ids_follow_the_rule(job: str) -> None:
    assert is_job_id(job) == is_id(job, CHARSET, CHARSET)
    for wide, ends in (
        (CHARSET + "-_.", CHARSET),
        (CHARSET + "-_.", CHARSET + "_"),
        (CHARSET, "abc"),
        ("abc-", CHARSET),
    ):
        assert is_job_id(job, wide, ends) == is_id(job, wide, ends)


@given(st.frozensets(CANDIDATES, max_size=5))
def test_many_ids_are_judged_as_each_of_them_is(jobs: frozenset[str]) -> None:
    assert are_usual_ids(jobs) == all(is_job_id(job) for job in jobs)


@pytest.mark.requirement("ids.length")
@pytest.mark.parametrize(("length", "valid"), [(0, False), (1, True), (63, True), (64, False)])
def test_an_id_has_1_to_63_characters(length: int, valid: bool) -> None:
    assert Repository.is_valid_job_id("x" * length) is valid


@pytest.mark.requirement("ids.charset")
def test_the_default_alphabet_is_that_of_the_documentation() -> None:
    expected = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    assert Repository.CHARSET == Repository.CHARSET_START_END == expected
    assert Repository.is_valid_job_id(expected[:62])


@pytest.mark.requirement("ids.is-valid-classmethod", "ids.subclass-widens")
def test_a_subclass_widens_the_rule_by_its_attributes() -> None:
    class Wide(Own):
        CHARSET = Own.CHARSET + "-"

    class Wider(Wide):
        CHARSET_START_END = Wide.CHARSET

    answers = [[kind.is_valid_job_id(job) for job in ("a-b", "-ab", "ab-", "a_b")] for kind in (Own, Wide, Wider)]
    assert answers == [[False] * 4, [True, False, False, False], [True, True, True, False]]


@given(st.lists(CANDIDATES, max_size=8))
def test_filtering_many_keeps_what_the_rule_of_the_class_admits(jobs: list[str]) -> None:
    class Wide(Own):
        CHARSET = Own.CHARSET + "-"

    class Choosy(Own):
        @classmethod
        @override
        def is_valid_job_id(cls, job: str) -> bool:
            return job.startswith("a")

    kinds: list[type[Any]] = [Own, Wide, Choosy]
    for kind in kinds:
        assert kind().filter_keys(jobs) == {job for job in jobs if kind.is_valid_job_id(job)}
