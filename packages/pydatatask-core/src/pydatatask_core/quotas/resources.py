"""Amounts of what jobs use up: processors, memory, launches."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from typing_extensions import override

from pydatatask_core.quotas.quantity import EXACT, format_quantity, parse_quantity

__all__ = ["UNLIMITED_LAUNCHES", "ResourceType", "Resources"]

UNLIMITED_LAUNCHES = 999_999_999
"""What a number of launches that is not given is kept as. A limit from here up is none."""


class ResourceType(Enum):
    """An enum class indicating a type of resource. Presently can be CPU, MEM, or RATE."""

    CPU = 1
    """Processors."""

    MEM = 2
    """Memory."""

    RATE = 3
    """Launches within a task's window."""


@dataclass(frozen=True, slots=True)
class Resources:
    """A dataclass containing a quantity of resources.

    Resources can be summed::

        r = pydatatask.Resources.parse(1, 1, 100)
        r += pydatatask.Resources.parse(2, 3, 0)
        r -= pydatatask.Resources.parse(1, 1, 0)
        assert r == pydatatask.Resources.parse(2, 3, 100)

    It is a value like a number: sums are new objects and exact, and none can be altered, so that a quota handed to
    several tasks stays what it is. A difference may be negative.
    """

    cpu: Decimal = Decimal("0")
    """Processors; 0.1 is a tenth of one."""

    mem: Decimal = Decimal("0")
    """Memory in bytes; fractions of a byte are allowed."""

    launches: int = 1
    """How many jobs are launched, or as a quota, how many may be launched per window."""

    @staticmethod
    def parse(
        cpu: str | float | int | Decimal,
        mem: str | float | int | Decimal,
        launches: str | float | int | Decimal | None = None,
    ) -> Resources:
        """Construct a Resources instance by parsing the given quantities of CPU, memory, and launches.

        :param cpu: Processors, for example ``"100m"`` or 2.
        :param mem: Bytes of memory, for example ``"1Gi"``.
        :param launches: A number of launches, or None for :data:`UNLIMITED_LAUNCHES`.
        :raises ValueError: If one is not a quantity (see :func:`pydatatask_core.quotas.quantity.parse_quantity`), or
            the launches are not a whole number.
        """
        return Resources(
            cpu=parse_quantity(cpu),
            mem=parse_quantity(mem),
            launches=UNLIMITED_LAUNCHES if launches is None else _parse_launches(launches),
        )

    def excess(self, limit: Resources) -> ResourceType | None:
        """Determine if these resources are over a given limit. What is equal to the limit is within it.

        :param limit: The limit. A number of launches from :data:`UNLIMITED_LAUNCHES` up does not limit them.
        :returns: The ResourceType of the first resource that is over-limit, or None if self is under-limit.
        """
        if self.cpu > limit.cpu:
            return ResourceType.CPU
        if self.mem > limit.mem:
            return ResourceType.MEM
        if self.launches > limit.launches and limit.launches < UNLIMITED_LAUNCHES:
            return ResourceType.RATE
        return None

    @override
    def __str__(self) -> str:
        """Tell what this is in a few words, for people: ``cpu 500m, mem 1.5Gi, launches 10``."""
        limited = self.launches < UNLIMITED_LAUNCHES
        words = f"cpu {format_quantity(self.cpu)}, mem {format_quantity(self.mem, binary=True)}"
        return f"{words}, launches {self.launches}" if limited else words

    def __add__(self, other: Resources) -> Resources:
        match other:
            case Resources(cpu, mem, launches):
                return Resources(EXACT.add(self.cpu, cpu), EXACT.add(self.mem, mem), self.launches + launches)
            case _:
                return NotImplemented

    def __sub__(self, other: Resources) -> Resources:
        match other:
            case Resources(cpu, mem, launches):
                return Resources(EXACT.subtract(self.cpu, cpu), EXACT.subtract(self.mem, mem), self.launches - launches)
            case _:
                return NotImplemented


def _parse_launches(launches: str | float | int | Decimal) -> int:
    number = parse_quantity(launches)
    if number != number.to_integral_value():
        raise ValueError(f"launches must be a whole number, not {launches!r}")
    return int(number)
