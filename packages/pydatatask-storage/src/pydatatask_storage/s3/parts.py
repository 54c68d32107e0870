"""Sizes of the parts of a multipart upload."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PartPlan"]

_MIB = 1 << 20


class PartPlan(NamedTuple):
    """The sizes of parts, and how many of them are sent at the same time.

    The size doubles every thousand parts, so that the 10,000 parts which S3 allows hold its greatest object (5 TiB).
    A writer holds the part that is being filled and those in flight: 40 MiB for a blob of up to 7 GiB, 64 MiB for one
    of up to 54 GiB, and about a thousandth of the blob beyond.
    """

    first: int = 8 * _MIB
    """The size of the first parts in bytes; S3 takes no less than 5 MiB, save for the last part."""

    double_after: int = 1000
    """After how many parts of one size the size is doubled."""

    bytes_in_flight: int = 32 * _MIB
    """How many bytes are sent at the same time at most, but for a single part that is larger."""

    def size(self, number: int) -> int:
        """Return the size of a part in bytes.

        :param number: The part's number, counted from 1.
        """
        return self.first << ((number - 1) // self.double_after)

    def slots(self, number: int) -> int:
        """Return how many parts may be in flight, this one included.

        :param number: The part's number, counted from 1.
        """
        return max(1, self.bytes_in_flight // self.size(number))
