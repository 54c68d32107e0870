"""States of a file that is being written through the mount, and of the open files by which programs write it.

``DraftState`` tells what has to be done with the content, ``OpeningState`` whether a program may still change it. Each
has one table of transitions; a pair that the table lacks cannot happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Generic, TypeVar

from typing_extensions import override

__all__ = [
    "DRAFT_TRANSITIONS",
    "OPENING_TRANSITIONS",
    "DraftEvent",
    "DraftState",
    "Machine",
    "OpeningEvent",
    "OpeningState",
]

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)


class DraftState(Enum):
    """What has to be done with the content of a draft."""

    CLEAN = "clean"
    """Nothing has been written since the file was made, opened or stored."""

    CHANGED = "changed"
    """Something has been written that the repository does not have."""

    BROKEN = "broken"
    """A write failed, so the content is not what the program meant, and must not be stored."""

    STORING = "storing"
    """The repository is taking the content."""

    REMOVED = "removed"
    """The file is in no directory any more, and its content will not be stored."""


class DraftEvent(Enum):
    """What happens to a draft."""

    WRITE = "write"
    """A program writes or cuts off bytes."""

    WRITE_FAILURE = "write failure"
    """Not all of the bytes could be written."""

    EMPTYING = "emptying"
    """The file is truncated to nothing, so nothing is left of a failed write."""

    STORE = "store"
    """The repository is given the content."""

    SUCCESS = "success"
    """The repository has taken it."""

    REFUSAL = "refusal"
    """The repository has not taken it."""

    REMOVAL = "removal"
    """The file is taken out of its directory."""


DRAFT_TRANSITIONS: Final[Mapping[tuple[DraftState, DraftEvent], DraftState]] = {
    (DraftState.CLEAN, DraftEvent.WRITE): DraftState.CHANGED,
    (DraftState.CLEAN, DraftEvent.EMPTYING): DraftState.CHANGED,
    # Unchanged files are stored as well: a renamed one, and an empty one some time after it was closed.
    (DraftState.CLEAN, DraftEvent.STORE): DraftState.STORING,
    (DraftState.CHANGED, DraftEvent.WRITE): DraftState.CHANGED,
    (DraftState.CHANGED, DraftEvent.EMPTYING): DraftState.CHANGED,
    (DraftState.CHANGED, DraftEvent.WRITE_FAILURE): DraftState.BROKEN,
    (DraftState.CHANGED, DraftEvent.STORE): DraftState.STORING,
    # Later writes do not repair an earlier one: the gap that it left stays.
    (DraftState.BROKEN, DraftEvent.WRITE): DraftState.BROKEN,
    (DraftState.BROKEN, DraftEvent.WRITE_FAILURE): DraftState.BROKEN,
    (DraftState.BROKEN, DraftEvent.EMPTYING): DraftState.CHANGED,
    # Writes hold the same lock as storing, so none can come in between.
    (DraftState.STORING, DraftEvent.SUCCESS): DraftState.CLEAN,
    (DraftState.STORING, DraftEvent.REFUSAL): DraftState.CHANGED,
    # The end of the mount removes drafts without waiting for a store that hangs.
    **{(state, DraftEvent.REMOVAL): DraftState.REMOVED for state in DraftState},
    # A program that has the file open may go on writing it, as it may with any deleted file.
    **{(DraftState.REMOVED, event): DraftState.REMOVED for event in DraftEvent if event is not DraftEvent.STORE},
}
"""Where each event leads from each state."""


class OpeningState(Enum):
    """What a program may still do by an open file."""

    READING = "reading"
    """It was opened for reading only."""

    WRITING = "writing"
    """It was opened for writing, and a process that has it may write more."""

    CLOSED = "closed"
    """All processes that can have it seem to have closed it."""

    FAILED = "failed"
    """They have, and were told that the content could not be stored."""

    RELEASED = "released"
    """The kernel says that it is not open anywhere."""


class OpeningEvent(Enum):
    """What happens to an open file."""

    WRITE = "write"
    """A program writes."""

    CLOSE = "close"
    """The last process that is known to have it closes it."""

    FAILURE = "failure"
    """That process is told that the content could not be stored."""

    RELEASE = "release"
    """The kernel says that it is not open anywhere."""


OPENING_TRANSITIONS: Final[Mapping[tuple[OpeningState, OpeningEvent], OpeningState]] = {
    (OpeningState.WRITING, OpeningEvent.WRITE): OpeningState.WRITING,
    # Two processes may close it at the same time, and looking for others takes a moment.
    **{(state, OpeningEvent.CLOSE): state for state in OpeningState if state is not OpeningState.READING},
    (OpeningState.WRITING, OpeningEvent.CLOSE): OpeningState.CLOSED,
    # Which processes have a file can only be guessed, so one of them may turn up and write.
    (OpeningState.CLOSED, OpeningEvent.WRITE): OpeningState.WRITING,
    (OpeningState.FAILED, OpeningEvent.WRITE): OpeningState.WRITING,
    (OpeningState.CLOSED, OpeningEvent.FAILURE): OpeningState.FAILED,
    (OpeningState.FAILED, OpeningEvent.FAILURE): OpeningState.FAILED,
    # The store took its time, and another process wrote meanwhile.
    (OpeningState.WRITING, OpeningEvent.FAILURE): OpeningState.WRITING,
    (OpeningState.RELEASED, OpeningEvent.FAILURE): OpeningState.RELEASED,
    **{(state, OpeningEvent.RELEASE): OpeningState.RELEASED for state in OpeningState},
}
"""Where each event leads from each state."""


class Machine(Generic[S, E]):
    """A state, and the one place where it changes.

    :param state: The first state.
    :param transitions: Where each event leads from each state.
    """

    def __init__(self, state: S, transitions: Mapping[tuple[S, E], S]) -> None:
        self._state = state
        self._transitions = transitions

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._state.value}>"

    @property
    def state(self) -> S:
        """The present state."""
        return self._state

    def move(self, event: E) -> None:
        """Go to the state that an event leads to.

        :param event: What happens.
        :raises RuntimeError: It cannot happen in this state.
        """
        try:
            self._state = self._transitions[self._state, event]
        except KeyError:
            raise RuntimeError(f"{event.value} cannot happen while {self._state.value}") from None
