"""Shortcuts that give way where a subclass overrides what they stand in for."""

from __future__ import annotations

import inspect
import sys

import pytest
from typing_extensions import override

from pydatatask_core.repositories.method_overrides import answers_by_contains, false_if_overridden, shortcut

PARTS = ("part", "other_part")


class Base:
    """The class whose methods are right for everybody."""

    def part(self) -> str:
        return "part"

    async def total(self, prefix: str = "", *, suffix: str = "") -> str:
        """Return what the parts say."""
        return f"{prefix}{self.part()}{suffix}"

    def size(self) -> int:
        return len(self.part())


class Quick(Base):
    """A class with shortcuts."""

    @override
    @shortcut(unless=PARTS)
    async def total(self, prefix: str = "", *, suffix: str = "") -> str:
        """Return the total at once."""
        return "quick: " + await super().total(prefix, suffix=suffix)

    @override
    @shortcut(unless=PARTS)
    def size(self) -> int:
        return 4

    @false_if_overridden(PARTS)
    def is_usual(self) -> bool:
        return True


class Inheriting(Quick):
    """A subclass that overrides nothing."""


class Overriding(Inheriting):
    """A subclass that overrides a part."""

    @override
    def part(self) -> str:
        return "own part"


class QuickAgain(Overriding):
    """A class whose own shortcut knows the part that is overridden above it."""

    @override
    @shortcut(unless=PARTS)
    async def total(self, prefix: str = "", *, suffix: str = "") -> str:
        return "again: " + await super().total(prefix, suffix=suffix)


class OverridingAgain(QuickAgain):
    """A subclass of two shortcuts, both of which have to give way."""

    def other_part(self) -> None: ...


class Calling(Inheriting):
    """A subclass that extends the shortcut itself."""

    @override
    async def total(self, prefix: str = "", *, suffix: str = "") -> str:
        return "extended " + await super().total(prefix, suffix=suffix)


@pytest.mark.parametrize(
    ("cls", "total", "size", "usual"),
    [
        (Quick, "quick: <part>", 4, True),
        (Inheriting, "quick: <part>", 4, True),
        (Overriding, "<own part>", 8, False),
        (QuickAgain, "again: <own part>", 8, False),
        (OverridingAgain, "<own part>", 8, False),
        (Calling, "extended quick: <part>", 4, True),
    ],
)
async def test_a_shortcut_gives_way_below_its_class(cls: type[Quick], total: str, size: int, usual: bool) -> None:
    instance = cls()
    assert await instance.total("<", suffix=">") == total
    assert instance.size() == size
    assert instance.is_usual() is usual


async def test_a_shortcut_gives_way_to_an_instance_with_a_member_of_its_own() -> None:
    instance, other = Quick(), Quick()
    vars(instance)["part"] = lambda: "of the instance"
    assert await instance.total() == "of the instance"
    assert instance.size() == len("of the instance")
    assert not instance.is_usual()
    assert await other.total() == "quick: part"
    assert other.is_usual()


async def test_a_shortcut_follows_an_instance_that_is_given_another_class() -> None:
    instance = Quick()
    assert await instance.total() == "quick: part"
    instance.__class__ = Overriding
    assert await instance.total() == "own part"


def test_a_shortcut_looks_like_the_method() -> None:
    assert inspect.signature(Quick.total) == inspect.signature(Base.total)
    assert Quick.total.__doc__ == "Return the total at once."
    assert Quick.total.__qualname__ == "Quick.total"


def test_a_shortcut_of_a_coroutine_function_is_marked_as_one_where_python_can() -> None:
    can_mark = sys.version_info >= (3, 12)
    assert inspect.iscoroutinefunction(Quick.total) is can_mark
    assert inspect.iscoroutinefunction(Quick().total) is can_mark
    assert not inspect.iscoroutinefunction(Quick.size)


def test_a_shortcut_below_a_decorator_that_replaces_it_is_refused() -> None:
    class Hidden(Base):
        @shortcut(unless=PARTS)
        @override
        def size(self) -> int:
            return 4

    replaced = Hidden.size
    setattr(Hidden, "size", lambda self: replaced(self))  # noqa: B010 - a decorator would do this
    with pytest.raises(TypeError, match=r"Hidden does not have this method size\(\)"):
        Hidden().size()


def test_contains_has_the_last_word_where_only_it_is_overridden() -> None:
    class Listing:
        def contains(self) -> None: ...

        def unfiltered_iter(self) -> None: ...

    class Containing(Listing):
        @override
        def contains(self) -> None: ...

    class ListingAgain(Containing):
        @override
        def unfiltered_iter(self) -> None: ...

    assert not answers_by_contains(Listing)
    assert answers_by_contains(Containing)
    assert not answers_by_contains(ListingAgain)
