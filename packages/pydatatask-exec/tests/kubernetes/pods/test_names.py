from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_exec.kubernetes.pods.names import (
    PodIdentity,
    identity_of,
    label_selector,
    label_value,
    pod_labels,
    pod_name,
)

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")

# Few letters, so that parts which could be confused come up often.
parts = st.text("ab-_A.", min_size=1, max_size=8) | st.text("aB-", min_size=60, max_size=63) | st.text(min_size=1)
identities = st.builds(PodIdentity, parts, parts, parts)


@pytest.mark.requirement("pod.labels", "pod.illegal-names")
@given(identities)
def test_names_and_labels_are_legal(identity: PodIdentity) -> None:
    assert DNS_LABEL.fullmatch(pod_name(identity))
    assert all(LABEL_VALUE.fullmatch(value) for value in pod_labels(identity).values())


@pytest.mark.requirement("pod.illegal-names")
@given(identities, identities)
def test_no_two_jobs_have_a_name_in_common(one: PodIdentity, other: PodIdentity) -> None:
    assert (pod_name(one) == pod_name(other)) == (one == other)


@pytest.mark.requirement("pod.illegal-names")
@given(parts, parts)
def test_no_two_texts_have_a_label_in_common(one: str, other: str) -> None:
    assert (label_value(one) == label_value(other)) == (one == other)


@pytest.mark.requirement("pod.illegal-names")
@given(identities)
def test_what_looks_like_a_name_that_was_made_legal_is_made_so_itself(identity: PodIdentity) -> None:
    job = label_value(identity.job)
    if job != identity.job:
        assert label_value(job) != job


@pytest.mark.requirement("pod.labels")
def test_what_is_legal_stays_as_it_is() -> None:
    identity = PodIdentity("books", "count", "j1")
    assert pod_name(identity) == "books-count-j1"
    assert pod_labels(identity) == {"app": "books", "task": "count", "job": "j1"}


@pytest.mark.requirement("pod.illegal-names")
def test_the_parts_cannot_be_misread() -> None:
    assert pod_name(PodIdentity("a", "b-c", "d")) != pod_name(PodIdentity("a-b", "c", "d"))
    assert pod_name(PodIdentity("a", "b", "J")) != pod_name(PodIdentity("a", "b", "j"))
    assert pod_name(PodIdentity("a", "b_c", "j")) != pod_name(PodIdentity("a", "b-c", "j"))


@pytest.mark.requirement("pod.illegal-names")
def test_long_ids_that_differ_at_the_end_differ() -> None:
    one, other = "x" * 62 + "A", "x" * 62 + "B"
    assert pod_name(PodIdentity("a", "t", one)) != pod_name(PodIdentity("a", "t", other))
    assert label_value(one) == one


@pytest.mark.requirement("pod.job-annotation")
@given(identities)
def test_the_exact_ids_come_back_from_the_annotations(identity: PodIdentity) -> None:
    assert identity_of(pod_labels(identity), identity.annotations) == identity


@pytest.mark.requirement("pod.job-annotation")
def test_without_annotations_the_labels_tell() -> None:
    assert identity_of({"app": "a", "task": "t", "job": "j"}, {}) == PodIdentity("a", "t", "j")
    assert identity_of({"app": "a", "task": "t"}, {}) is None


@pytest.mark.requirement("podman.query")
def test_the_selector_asks_for_all_three_labels() -> None:
    assert label_selector("My App") == f"app={label_value('My App')},task,job"
