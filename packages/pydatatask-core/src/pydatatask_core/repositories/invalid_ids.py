"""Reports of the strings in a repository that are no valid job ids."""

from __future__ import annotations

import logging

__all__ = ["InvalidIds"]

_log = logging.getLogger("pydatatask.repository")
_WARNINGS_AT_MOST = 100


class InvalidIds:
    """Logs each skipped string once, and after a hundred of them only counts."""

    def __init__(self) -> None:
        self.warned: set[str] = set()
        self.in_silence: int = 0

    def report(self, repository: str, job: str) -> None:
        """Take note that a string was skipped.

        :param repository: What to call the repository in the log.
        :param job: The string that is no valid job id.
        """
        if job in self.warned:
            return
        if len(self.warned) >= _WARNINGS_AT_MOST:
            self.in_silence += 1
            return
        self.warned.add(job)
        _log.warning("%s: skipping %r - not a valid job id", repository, job)
        if len(self.warned) == _WARNINGS_AT_MOST:
            _log.warning("%s: from now on, strings that are not valid job ids are only counted", repository)
