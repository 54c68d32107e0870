from __future__ import annotations

from typing import Final

import pytest
from typing_extensions import override

from tools.checks.documented import problems, problems_of_name, problems_of_value
from tools.workspace import ROOT


class Good:
    """Documented."""

    def method(self, x: int) -> int:
        """Documented."""
        return x

    @property
    def value(self) -> int:
        """Documented."""
        return 1

    @classmethod
    def make(cls) -> Good:
        """Make one."""
        return cls()

    def _private(self) -> None: ...


class Inherits(Good):
    """Documented, and so is what it overrides."""

    @override
    def method(self, x: int) -> int:
        return x


FAULTY: Final = """
class Bad:
    def method(self, x):
        '''Documented.'''

    @property
    def value(self) -> int:
        return 1

    @staticmethod
    def make() -> None: ...


def bare(x, y: int): ...
"""


@pytest.fixture
def faulty() -> dict[str, object]:
    namespace: dict[str, object] = {"__name__": "faulty"}
    exec(FAULTY, namespace)
    return namespace


def test_the_packages_are_documented() -> None:
    assert problems(ROOT) == []


@pytest.mark.parametrize("value", [Good, Inherits, Good.method, 7, "text"])
def test_what_is_documented(value: object) -> None:
    assert list(problems_of_value("value", value)) == []


def test_a_class_with_faults(faulty: dict[str, object]) -> None:
    name = "faulty.Bad"
    assert list(problems_of_value("Bad", faulty["Bad"])) == [
        f"{name} has no docstring",
        f"{name}.method: the parameter x is not annotated",
        f"{name}.method: the result is not annotated",
        f"{name}.value has no docstring",
        f"{name}.make has no docstring",
    ]


def test_a_function_with_faults(faulty: dict[str, object]) -> None:
    name = "faulty.bare"
    assert list(problems_of_value("bare", faulty["bare"])) == [
        f"{name} has no docstring",
        f"{name}: the parameter x is not annotated",
        f"{name}: the result is not annotated",
    ]


def test_a_name_that_is_not_there() -> None:
    (problem,) = problems_of_name("tools.checks.documented.nothing")
    assert "cannot be imported" in problem
