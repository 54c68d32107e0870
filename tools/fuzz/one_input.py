"""From a test of hypothesis, with its fixtures, to a function of bytes, which is what fuzzers call."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Property", "one_input"]


class Handle(Protocol):
    """What hypothesis documents of the attribute that it gives its tests."""

    inner_test: Callable[..., object]
    """The test as it was written, which may be replaced."""

    @property
    def fuzz_one_input(self) -> Callable[[bytes], bytes | None]:
        """The function that makes the test's arguments from bytes and calls it."""
        ...


@runtime_checkable
class Property(Protocol):
    """A test that was decorated by `given`."""

    hypothesis: Handle


def one_input(test: Property, fixtures: Mapping[str, object]) -> Callable[[bytes], bytes | None]:
    """Make the function that a fuzzer calls.

    A failure goes into hypothesis' own database of examples under the test's own key, so that the next plain run of the
    test finds it there, and makes it smaller.

    :param test: The test; it is good for nothing else afterwards.
    :param fixtures: The arguments that hypothesis does not make. They are the same for all inputs.
    """
    inner = test.hypothesis.inner_test

    @functools.wraps(inner)
    def with_fixtures(**made: object) -> object:
        return inner(**fixtures, **made)

    test.hypothesis.inner_test = with_fixtures
    vars(test)["__signature__"] = inspect.Signature()  # or hypothesis would ask for the fixtures
    return test.hypothesis.fuzz_one_input
