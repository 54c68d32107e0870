"""Claims of attempts that live in the memory of this process."""

from __future__ import annotations

import itertools
import os
from typing import Final

__all__ = ["CLAIMS", "Claims"]


class Claims:
    """Makes claims that no other process makes."""

    def __init__(self) -> None:
        self.of_first: str = ""
        """The claim of all first attempts that the scheduler launches in this process.

        A job has no earlier attempt then, and no record from which this one would have to be told apart, so one claim
        does for all jobs.
        """
        self._numbers = itertools.count(1)
        self.renew()

    def renew(self) -> None:
        """Make other claims from now on."""
        self.of_first = os.urandom(12).hex()

    def next(self) -> str:
        """Return a claim of its own for an attempt."""
        return f"{self.of_first}-{next(self._numbers)}"


CLAIMS: Final = Claims()
"""The claims of this process."""

# A random text for each attempt would cost small jobs a good part of their time; but a forked process needs others.
os.register_at_fork(after_in_child=CLAIMS.renew)
