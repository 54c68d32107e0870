from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, overload

import pytest

from tools.checks.documented_api import added, compare, differences, problems
from tools.docs.api_text import documented as recorded
from tools.docs.api_text import extract, write
from tools.docs.own_signatures import of_class, of_function, of_member
from tools.docs.signatures import Signature, read
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT

TEXT = """\
 Contents

\tpydatatask.shop module
\tShop

\tShop.sell()

\tShop.price

pydatatask.shop module

A shop sells things. See pydatatask.shop.Shop for more.

class pydatatask.shop.Shop(name: str, size='small')

\tBases: ABC

async sell(thing: str) → int

\tsell(thing) == 3.

async sell(thing: str, many: int) → int

customers(wait)

price: Decimal = Decimal('1')

pydatatask.shop.OPEN = <pydatatask.shop._Open object>

async pydatatask.shop.visit(shop)
"""


@dataclass(slots=True)
class Shop(ABC):
    name: str
    size: str = "small"

    @overload
    async def sell(self, thing: Literal["x"]) -> int: ...
    @overload
    async def sell(self, thing: Literal["y"]) -> str: ...
    @abstractmethod
    async def sell(self, thing: str) -> int | str: ...

    @property
    def price(self) -> int:
        return 1

    @staticmethod
    def parse(text: str) -> Shop:
        return Shop(text)

    async def customers(self) -> AsyncGenerator[str, None]:
        yield ""


class Colour(Enum):
    RED = 1


async def visit(shop: Shop, *, wait: float = 1.5) -> Iterable[int]:
    return [len(shop.name)]


def test_names_and_signatures_are_read_out_of_the_text() -> None:
    assert extract(TEXT) == {
        "shop": {
            "Shop": ["class Shop(name: str, size='small')", "Bases: ABC"],
            "Shop.sell": ["async sell(thing: str) -> int", "async sell(thing: str, many: int) -> int"],
            "Shop.price": ["price: Decimal = Decimal('1')"],
            "OPEN": ["OPEN = <_Open object>"],
            "visit": ["async visit(shop)"],
        }
    }


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("class Shop(name: str, size='small')", [of_class(Shop)]),
        ("abstract async sell(thing)", of_member(Shop, "sell", overloads=True)),
        ("abstract async sell(thing: str) -> int | str", of_member(Shop, "sell")),
        ("property price: int", of_member(Shop, "price")),
        ("static parse(text) -> Shop", of_member(Shop, "parse")),
        ("async customers() -> AsyncGenerator[str, None]", of_member(Shop, "customers")),
        ("size: str = 'small'", of_member(Shop, "size")),
        ("name: str", of_member(Shop, "name")),
        ("class Colour(value)", [of_class(Colour)]),
        ("RED = 1", of_member(Colour, "RED")),
        ("SIGN = <_Sign object>", [Signature(value="7")]),
    ],
)
def test_what_agrees(line: str, ours: list[Signature]) -> None:
    assert [difference for one in ours for difference in compare(read(line), one)] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("async visit(shop)", ["keyword wait added=1.5"]),
        ("visit(shop, *, wait=1.5)", ["async, not documented as such"]),
        ("async visit(wait, shop)", ["parameters in the order shop, wait", "wait is keyword"]),
        ("async visit(shop, wait=2)", ["wait is keyword, documented parameter", "default of wait: 1.5, documented 2"]),
        ("async visit(shop: Store)", ["keyword wait", "shop: Shop, documented Store"]),
        ("async visit(shop, door)", ["no parameter door", "keyword wait"]),
        ("async visit(shop) -> List[int]", ["keyword wait", "type Iterable[int], documented list[int]"]),
    ],
)
def test_what_differs(line: str, found: list[str]) -> None:
    differences = list(compare(read(line), of_function(visit)))
    assert all(any(text in difference for difference in differences) for text in found), differences


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f(x: Dict[str, typing.Set[int]] | None)", "f(x: 'None | dict[str, set[int]]')"),
        ("f(x: a.b.C)", "f(x: C)"),
        ("f(x: Literal['r', 'rb'])", "f(x: typing.Literal['r', 'rb'])"),
    ],
)
def test_types_that_are_the_same(one: str, other: str) -> None:
    assert list(compare(read(one), read(other))) == []


def test_a_bare_generic_leaves_open_of_what() -> None:
    assert list(compare(read("f(x: Callable)"), read("f(x: Callable[[str], int])"))) == []
    assert list(compare(read("f(x: Callable[[int], int])"), read("f(x: Callable[[str], int])"))) != []


@pytest.fixture
def documented(workspace: FakeWorkspace) -> FakeWorkspace:
    names = {"session": {"Session": ["class Session(size)", "Bases: Door"], "Session.open": ["async open()"]}}
    workspace.write("tools/api/documented.toml", write(names))
    workspace.module("pydatatask.session", '__all__ = ["Session", "more"]\n')
    return workspace


def explain(workspace: FakeWorkspace, *differences: str) -> None:
    workspace.write("tools/api/explained.toml", f'[[explanation]]\nwhy = "so"\ndifferences = {list(differences)}\n')


def test_differences_have_to_be_explained(documented: FakeWorkspace) -> None:
    explain(documented, "session.Session: no parameter size", "session.Session: is missing")
    assert differences(documented.root) == [
        "session.Session: no parameter size",
        "session.Session: no subclass of Door",
    ]
    assert problems(documented.root) == [
        "not explained: session.Session: no subclass of Door",
        "explained, but not so: session.Session: is missing",
    ]


def test_a_difference_is_explained_once(documented: FakeWorkspace) -> None:
    same = "session.Session: no parameter size"
    explain(documented, same, "session.Session: no subclass of Door", same)
    assert problems(documented.root) == [f"explained twice: {same}"]


def test_of_a_missing_class_the_members_are_not_listed(documented: FakeWorkspace) -> None:
    names = {"nowhere": {"Nothing": ["class Nothing"], "Nothing.open": ["async open()"]}}
    documented.write("tools/api/documented.toml", write(names))
    assert differences(documented.root) == ["nowhere.Nothing: is missing"]


def test_what_is_offered_and_not_documented(documented: FakeWorkspace) -> None:
    assert list(added(documented.root)) == ["session.more"]


def test_the_record_has_all_modules() -> None:
    modules = {"main", "pipeline", "pod_manager", "proc_manager", "repository", "resource_manager", "session", "task"}
    assert set(recorded(ROOT)) == modules | {"utils"}
