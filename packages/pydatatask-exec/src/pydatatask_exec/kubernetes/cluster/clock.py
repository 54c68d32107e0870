"""The clock of the API server, by which it writes the times of pods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

__all__ = ["ServerClock"]

_TOLERANCE = timedelta(seconds=2)
"""The header has whole seconds, and an answer is some time under way: a smaller difference says nothing."""


class ServerClock:
    """Tells the time of a server whose clock may differ from the local one."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def observe(self, headers: Mapping[str, str]) -> None:
        """Compare the clocks.

        :param headers: The headers of an answer that has just come.
        """
        # Loads a good part of the package email, which no import of ours should have to wait for.
        from email.utils import parsedate_to_datetime

        try:
            offset = parsedate_to_datetime(headers["Date"]).astimezone(UTC) - datetime.now(UTC)
        except (KeyError, ValueError):
            return  # a proxy may have left it out; then the difference stays what it was
        if abs(offset - self._offset) > _TOLERANCE:
            self._offset = offset

    def now(self) -> datetime:
        """Return the server's time."""
        return datetime.now(UTC) + self._offset

    def local(self, moment: datetime) -> datetime:
        """Return a time of the server's as the local clock has it.

        :param moment: A time that the server has written.
        """
        return moment - self._offset
