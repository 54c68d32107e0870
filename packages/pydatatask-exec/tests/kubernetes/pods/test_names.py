from __future__ import annotations

import re

import pytest
from hypothesis import given
from pod_identities import identities

from pydatatask_exec.kubernetes.pods.labels import PodIdentity, label_value, pod_labels
from pydatatask_exec.kubernetes.pods.names import pod_name

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


@pytest.mark.requirement("pod.labels", "pod.illegal-names")
@given(identities)
def test_names_and_labels_are_legal(identity: PodIdentity) -> None:
    assert DNS_LABEL.fullmatch(pod_name(identity))
    assert all(LABEL_VALUE.fullmatch(value) for value in pod_labels(identity).values())


@pytest.mark.requirement("pod.illegal-names")
@given(identities, identities)
def test_no_two_jobs_have_a_name_in_common(one: PodIdentity, other: PodIdentity) -> None:
    assert (pod_name(one) == pod_name(other)) == (one == other)


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
