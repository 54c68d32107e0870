"""The steps that a pod goes through from its creation until it is gone, as far as a task does them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

__all__ = ["TRANSITIONS", "PodLifecycles", "PodStep", "PodStepEvent"]


class PodStep(Enum):
    """What has been done about a pod."""

    TRACKED = "tracked"
    """Nothing: it runs, or has just finished."""

    LOGGED = "logged"
    """Its log has been kept."""

    RECORDED = "recorded"
    """Its outcome has been recorded."""

    REAPED = "reaped"
    """All of it has been done, and the cluster has accepted the deletion."""

    REVOKING = "revoking"
    """The user wants it deleted, and the cluster has been asked to. Its outcome must not be recorded."""

    REVOKED = "revoked"
    """The cluster has accepted that deletion."""


class PodStepEvent(Enum):
    """What moves a pod to another step."""

    LOG_KEPT = "log kept"
    OUTCOME_RECORDED = "outcome recorded"
    DELETED = "deleted"
    """The cluster has accepted the deletion of the pod."""
    REVOKE = "revoke"
    REFUSED = "refused"
    """The cluster has not accepted the deletion, or has not answered."""


_IN_PLACE = (PodStep.TRACKED, PodStep.LOGGED, PodStep.RECORDED)

TRANSITIONS: Mapping[tuple[PodStep, PodStepEvent], PodStep] = MappingProxyType(
    {
        # What is not listed below leaves a pod where it is: two deletions, or a deletion and a step that was under way
        # when it began, may end in any order.
        **{(step, event): step for step in PodStep for event in PodStepEvent},
        (PodStep.TRACKED, PodStepEvent.LOG_KEPT): PodStep.LOGGED,
        **{(step, PodStepEvent.OUTCOME_RECORDED): PodStep.RECORDED for step in _IN_PLACE},
        **{(step, PodStepEvent.DELETED): PodStep.REAPED for step in _IN_PLACE},
        **{(step, PodStepEvent.REVOKE): PodStep.REVOKING for step in _IN_PLACE},
        (PodStep.REVOKING, PodStepEvent.DELETED): PodStep.REVOKED,
        # The record was being written when the user revoked the pod: it is there, so the job is complete.
        (PodStep.REVOKING, PodStepEvent.OUTCOME_RECORDED): PodStep.RECORDED,
        # From the start, since each step can be repeated.
        (PodStep.REVOKING, PodStepEvent.REFUSED): PodStep.TRACKED,
    }
)
"""The step that follows a step upon an event."""


class PodLifecycles:
    """The steps of the pods of one task, by uid."""

    def __init__(self) -> None:
        self._steps: dict[str, PodStep] = {}

    def step(self, uid: str) -> PodStep:
        """Return the step of a pod.

        :param uid: The pod's uid.
        """
        return self._steps.get(uid, PodStep.TRACKED)

    def move(self, uid: str, event: PodStepEvent) -> PodStep:
        """Move a pod to the step that follows upon an event, and return that step.

        :param uid: The pod's uid.
        :param event: What has happened.
        """
        step = self._steps[uid] = TRANSITIONS[self.step(uid), event]
        return step

    def untrack(self, uid: str) -> None:
        """Untrack a pod that is gone.

        :param uid: The pod's uid.
        """
        self._steps.pop(uid, None)

    def is_leaving(self, uid: str) -> bool:
        """Return whether nothing is left to do about a pod but to wait until it is gone.

        :param uid: The pod's uid.
        """
        return self.step(uid) in (PodStep.REAPED, PodStep.REVOKING, PodStep.REVOKED)
