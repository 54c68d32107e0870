from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pydatatask_exec.kubernetes.cluster.cache import KnownPod, PodCache, TaskPods, known_pod
from pydatatask_exec.kubernetes.pods.labels import PodIdentity, pod_labels


def known(job: str, version: int, uid: str = "", phase: str = "Running", task: str = "t") -> KnownPod:
    identity = PodIdentity("a", task, job)
    pod = known_pod(
        {
            "metadata": {
                "name": f"a-{task}-{job}",
                "uid": uid or f"{task}-{job}",
                "resourceVersion": str(version),
                "labels": pod_labels(identity),
                "annotations": identity.annotations,
                "managedFields": ["long"],
            },
            "spec": {"containers": []},
            "status": {"phase": phase},
        }
    )
    assert pod is not None
    return pod


def jobs(cache: PodCache) -> set[str]:
    return {pod.state.job for pod in cache.select()}


def followed(cache: PodCache) -> tuple[TaskPods, list[str]]:
    news: list[str] = []
    return cache.follow("t", lambda: news.append("news")), news


def test_what_servers_keep_for_themselves_is_left_out() -> None:
    assert b"managedFields" not in known("j", 1).data
    assert known_pod({"metadata": {"name": "x", "labels": {"app": "a"}}}) is None


def test_a_list_replaces_what_is_there_but_for_what_came_after_it() -> None:
    cache = PodCache()
    cache.apply_response(known("old", 5))
    cache.apply_response(known("new", 9))
    cache.replace([known("listed", 3)], 7)
    assert jobs(cache) == {"listed", "new"}


def test_a_cluster_that_was_set_back_is_believed() -> None:
    cache = PodCache()
    cache.replace([known("a", 90), known("b", 95)], 100)
    cache.replace([known("a", 3)], 10)
    assert jobs(cache) == {"a"}
    assert cache.select()[0].state.version == 3
    cache.apply_change(known("a", 11, phase="Succeeded"), 11)
    assert cache.select()[0].state.finished


def test_an_older_state_changes_nothing() -> None:
    cache = PodCache()
    cache.replace([known("a", 5, phase="Succeeded")], 5)
    cache.apply_response(known("a", 4))
    assert cache.select()[0].state.finished


def test_a_pod_that_is_known_to_be_gone_does_not_come_back() -> None:
    cache = PodCache()
    cache.replace([], 1)
    cache.apply_change(known("a", 2), 2)
    cache.apply_deletion(known("a", 3), 3)
    cache.apply_response(known("a", 2))  # the answer to the request that created it, late
    assert jobs(cache) == set()


def test_an_answer_without_a_version_is_no_news() -> None:
    cache = PodCache()
    cache.replace([known("a", 2)], 2)
    cache.apply_response(known("a", 0, phase="Succeeded"))
    assert not cache.select()[0].state.finished
    cache.apply_deletion(known("a", 3), 3)
    cache.apply_response(known("a", 0))
    assert jobs(cache) == set()


def test_another_pod_of_the_same_name_takes_the_place() -> None:
    cache = PodCache()
    pods, _ = followed(cache)
    cache.apply_change(known("a", 2, uid="one"), 2)
    cache.apply_change(known("a", 4, uid="two"), 4)
    cache.apply_deletion(known("a", 3, uid="one"), 3)
    assert [pod.uid for pod in pods] == ["two"]
    assert [pod.uid for pod in pods.take_gone()] == ["one"]


def test_a_follower_hears_of_its_own_task_only_and_once() -> None:
    cache = PodCache()
    cache.apply_change(known("before", 1), 1)
    pods, news = followed(cache)
    cache.apply_change(known("after", 2), 2)
    cache.apply_change(known("other", 3, task="u"), 3)
    assert [pod.job for pod in pods.take_new()] == ["before", "after"]
    assert pods.take_new() == []
    assert set(pods.jobs) == {"before", "after"}
    count = len(news)
    cache.apply_change(known("after", 4), 4)
    assert len(news) == count
    cache.apply_change(known("after", 5, phase="Failed"), 5)
    assert len(news) == count + 1
    assert [pod.job for pod in pods.finished] == ["after"]


def test_the_revision_changes_with_the_set_of_jobs_and_with_nothing_else() -> None:
    cache = PodCache()
    pods, _ = followed(cache)
    empty = pods.revision
    cache.apply_change(known("a", 1), 1)
    one = pods.revision
    cache.apply_change(known("a", 2, phase="Succeeded"), 2)
    assert pods.revision == one != empty
    cache.apply_deletion(known("a", 3), 3)
    assert pods.revision not in (one, empty)


def test_a_closed_cache_tells_its_followers() -> None:
    cache = PodCache()
    pods, _ = followed(cache)
    cache.close()
    assert pods.closed


events = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["seen", "lost", "told"]), st.integers(0, 3)))


@given(events)
def test_followers_and_cache_agree_whatever_happens(happened: list[tuple[str, str, int]]) -> None:
    cache = PodCache()
    pods, _ = followed(cache)
    for version, (job, what, incarnation) in enumerate(happened, start=1):
        pod = known(job, version, uid=f"{job}{incarnation}")
        actions: dict[str, Any] = {"seen": cache.apply_change, "lost": cache.apply_deletion}
        cache.apply_response(pod) if what == "told" else actions[what](pod, version)
        assert {state.uid for state in pods} == {entry.state.uid for entry in cache.select()}
        assert set(pods.jobs) == jobs(cache)
        assert {uid for uids in pods.jobs.values() for uid in uids} == {state.uid for state in pods}
