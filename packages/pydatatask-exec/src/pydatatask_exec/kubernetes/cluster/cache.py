"""The cache of an app's pods, and what has changed in it for each follower."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from pydatatask_exec.kubernetes.pods.fields import Manifest, section
from pydatatask_exec.kubernetes.pods.state import PodState, pod_state

__all__ = ["KnownPod", "PodCache", "TaskPods", "known_pod"]

_serials = itertools.count()


class KnownPod(NamedTuple):
    """A pod in the cache."""

    state: PodState
    """Its state."""

    data: bytes
    """The whole pod as JSON, without the fields that only servers read."""


def known_pod(pod: Manifest) -> KnownPod | None:
    """Return the cache entry of a pod, or None if it is no pod of ours.

    :param pod: The pod as the API server describes it.
    """
    state = pod_state(pod)
    if state is None:
        return None
    import json

    metadata = {key: value for key, value in section(pod, "metadata").items() if key != "managedFields"}
    slim = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": metadata}
    return KnownPod(state, json.dumps(slim, separators=(",", ":")).encode())


class TaskPods:
    """The pods of one task, and what has changed since its follower last asked.

    :param on_change: Is called when there is something to reconcile: a pod is new, has finished or is gone.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._pods: dict[str, PodState] = {}
        self._jobs: dict[str, set[str]] = {}
        self._finished: dict[str, PodState] = {}
        self._new: dict[str, PodState] = {}
        self._gone: list[PodState] = []
        self._conditions: dict[str, PodState] = {}
        self._serial = next(_serials)
        self._changes = 0
        self.closed: bool = False

    @property
    def revision(self) -> tuple[int, int]:
        """A token that changes when the set of jobs does."""
        return self._serial, self._changes

    @property
    def jobs(self) -> Mapping[str, set[str]]:
        """The jobs that have pods, and these pods' uids."""
        return self._jobs

    @property
    def finished(self) -> list[PodState]:
        """The pods whose jobs are complete."""
        return list(self._finished.values())

    def __len__(self) -> int:
        return len(self._pods)

    def __iter__(self) -> Iterator[PodState]:
        return iter(tuple(self._pods.values()))

    def get(self, uid: str) -> PodState | None:
        """Return the state of a pod, or None if it is gone.

        :param uid: The pod's uid.
        """
        return self._pods.get(uid)

    def put(self, state: PodState) -> None:
        """Store the state of a pod.

        :param state: The state.
        """
        before = self._pods.get(state.uid)
        self._pods[state.uid] = state
        if state.finished:
            self._finished[state.uid] = state
        else:
            self._finished.pop(state.uid, None)
        if before is None:
            self._new[state.uid] = state
            jobs = self._jobs.setdefault(state.job, set())
            self._changes += not jobs
            jobs.add(state.uid)
        has_new_condition = state.condition is not None and (before is None or before.condition != state.condition)
        if has_new_condition:
            self._conditions[state.uid] = state
        if before is None or has_new_condition or (state.finished and not before.finished):
            self._on_change()

    def drop(self, state: PodState) -> None:
        """Remove a pod that is gone.

        :param state: Its last state.
        """
        if self._pods.pop(state.uid, None) is None:
            return
        self._finished.pop(state.uid, None)
        self._gone.append(state)
        uids = self._jobs[state.job]
        uids.discard(state.uid)
        if not uids:
            del self._jobs[state.job]
            self._changes += 1
        self._on_change()

    def take_new(self) -> list[PodState]:
        """Return the pods that have appeared since the last call, and may be gone by now."""
        new, self._new = self._new, {}
        return list(new.values())

    def take_conditions(self) -> list[PodState]:
        """Return the pods that have had a new condition since the last call."""
        pods, self._conditions = self._conditions, {}
        return list(pods.values())

    def take_gone(self) -> list[PodState]:
        """Return the last states of the pods that have gone since the last call."""
        gone, self._gone = self._gone, []
        return gone


class PodCache:
    """The pods of an app, by name, and the followers of each task.

    States come from a list, from the events of a watch, and from the answers to own requests, in any order. The greater
    resource version wins, and a pod that is known to be gone does not come back.
    """

    def __init__(self) -> None:
        self.version: int = 0
        self._pods: dict[str, KnownPod] = {}
        self._followers: dict[str, list[TaskPods]] = {}

    def __len__(self) -> int:
        return len(self._pods)

    def select(self, job: str | None = None, task: str | None = None) -> list[KnownPod]:
        """Return the pods of a job, of a task, or all.

        :param job: Optional: the job.
        :param task: Optional: the task.
        """
        return [
            pod
            for pod in self._pods.values()
            if (task is None or pod.state.identity.task == task) and (job is None or pod.state.identity.job == job)
        ]

    def of_name(self, name: str) -> KnownPod | None:
        """Return the pod of a name, or None.

        :param name: The name.
        """
        return self._pods.get(name)

    def find(self, uid: str, name: str) -> KnownPod | None:
        """Return a pod, or None if it is gone.

        :param uid: Its uid.
        :param name: Its name.
        """
        pod = self._pods.get(name)
        return pod if pod is not None and pod.state.uid == uid else None

    def follow(self, task: str, on_change: Callable[[], None]) -> TaskPods:
        """Follow the pods of a task from now on; those that exist count as new.

        :param task: The task's name.
        :param on_change: Is called when there is something to reconcile.
        """
        follower = TaskPods(on_change)
        self._followers.setdefault(task, []).append(follower)
        for pod in self.select(task=task):
            follower.put(pod.state)
        return follower

    def close(self) -> None:
        """Close all followers: nothing changes any more."""
        for followers in self._followers.values():
            for follower in followers:
                follower.closed = True

    def replace(self, pods: Iterable[KnownPod], version: int) -> None:
        """Apply a list: pods that it lacks are gone, unless they were created after it.

        :param pods: All pods.
        :param version: The list's resource version.
        """
        # Versions never decrease on a cluster, so one that is less than before comes from a restored backup. Then
        # nothing that is cached can be compared with the list, and the list is right.
        set_back = version < self.version
        found = {pod.state.name: pod for pod in pods}
        for name, pod in list(self._pods.items()):
            if name not in found and (set_back or pod.state.version <= version):
                self._drop(name)
        for pod in found.values():
            self._put(pod, newer_only=not set_back)
        self.version = version

    def apply_change(self, pod: KnownPod, version: int) -> None:
        """Apply a state from an event of the watch.

        :param pod: The pod.
        :param version: The event's resource version.
        """
        self._put(pod)
        self.version = max(self.version, version)

    def apply_deletion(self, pod: KnownPod, version: int) -> None:
        """Apply the deletion of a pod from an event of the watch.

        :param pod: The pod's last state.
        :param version: The event's resource version.
        """
        known = self._pods.get(pod.state.name)
        if known is not None and known.state.uid == pod.state.uid:
            self._drop(pod.state.name)
        self.version = max(self.version, version)

    def apply_response(self, pod: KnownPod) -> None:
        """Apply a state from the answer to an own request, if list and watch cannot have reported it yet.

        :param pod: The pod.
        """
        # An answer without a version cannot be put in order. It may come after the pod's deletion: of two requests that
        # delete a pod, the server answers the later one with the pod, but without a version, after the watch has
        # reported it gone. Taken for news it would stay for ever, as no event about it follows.
        known = self._pods.get(pod.state.name)
        if pod.state.version and (known is not None or pod.state.version > self.version):
            self._put(pod)

    def apply_absence(self, uid: str, name: str) -> None:
        """Apply the answer to an own request that a pod is gone.

        :param uid: The pod's uid.
        :param name: The pod's name.
        """
        if self.find(uid, name) is not None:
            self._drop(name)

    def _put(self, pod: KnownPod, newer_only: bool = True) -> None:
        state = pod.state
        known = self._pods.get(state.name)
        if known is not None:
            if newer_only and state.version and state.version < known.state.version:
                return
            if known.state.uid != state.uid:
                self._drop(state.name)
        self._pods[state.name] = pod
        for follower in self._followers.get(state.identity.task, ()):
            follower.put(state)

    def _drop(self, name: str) -> None:
        state = self._pods.pop(name).state
        for follower in self._followers.get(state.identity.task, ()):
            follower.drop(state)
