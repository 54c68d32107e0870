from __future__ import annotations

import pytest
from hypothesis import given
from pod_identities import identities, parts

from pydatatask_exec.kubernetes.pods.labels import PodIdentity, identity_of, label_selector, label_value, pod_labels


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
