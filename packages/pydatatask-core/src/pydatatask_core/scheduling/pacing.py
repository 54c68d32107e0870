"""When a run looks around again: a pure matter of times, which are seconds of one clock throughout."""

from __future__ import annotations

__all__ = ["Pace"]

_REST_FACTOR = 20
"""Looking around takes at most this fraction of the time (one part in so many), unless there is nothing else to do."""


class Pace:
    """The pace of one activity that is repeated for as long as the run lasts: listing repositories, updating tasks.

    While nothing happens, the delay between two times doubles. What takes long is done rarely.

    :param shortest: Seconds between two times at first, and again when something has happened.
    :param longest: Seconds to which the delay grows.
    :param courtesy: Seconds that must lie between two times in any case.
    """

    def __init__(self, shortest: float, longest: float, courtesy: float = 0.0) -> None:
        self._shortest = shortest
        self._longest = longest
        self._courtesy = courtesy
        self._delay = shortest
        self._begun = -float("inf")
        self._rested = -float("inf")

    def done(self, begun: float, ended: float, something_happened: bool) -> None:
        """Take note that it has been done.

        :param begun: When it was begun.
        :param ended: When it was done.
        :param something_happened: Whether anything has happened since the last time.
        """
        self._begun = begun
        self._rested = ended + _REST_FACTOR * (ended - begun)
        self._delay = self._shortest if something_happened else min(self._delay * 2, self._longest)

    def next(self, retry: float | None = None, hinted: bool = False, at_rest: bool = False) -> float:
        """Give the time when it is to be done again.

        :param retry: When something that has failed is to be tried again, or None.
        :param hinted: Whether a hint says that it would find something.
        :param at_rest: Whether everything else has come to rest, so that only this can tell whether all is done.
        """
        earliest = self._begun + self._courtesy
        if at_rest:
            return earliest
        if hinted:
            return max(earliest, self._rested)
        regular = max(self._rested, self._begun + self._delay)
        if retry is not None and retry > self._begun:
            regular = min(regular, retry)
        return max(earliest, regular)
