from __future__ import annotations

from collections.abc import Mapping, Set

import pytest

from tools.checks.parts import problems
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT

CORE = "pydatatask_core"
SOURCE = "packages/pydatatask-core/src/pydatatask_core"
IN_A_FUNCTION = "def f():\n    from pydatatask_core.streams.text import Text\n"
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pydatatask_core.streams.text\n"


def _found(workspace: FakeWorkspace, table: Mapping[str, Set[str]]) -> list[str]:
    return problems(workspace.root, {CORE: table})


@pytest.fixture
def folders(workspace: FakeWorkspace) -> FakeWorkspace:
    """Write a package with a folder, one within it, and a module at its root."""
    for module in (
        "__init__",
        "errors",
        "streams.__init__",
        "streams.text",
        "streams.raw.__init__",
        "streams.raw.bits",
    ):
        workspace.module(f"{CORE}.{module}", "")
    return workspace


def test_the_parts_import_one_another_as_the_table_says() -> None:
    assert problems(ROOT) == []


def test_imports_that_the_table_has(folders: FakeWorkspace) -> None:
    folders.module(f"{CORE}.__init__", "from pydatatask_core.streams.text import Text as Text\n")
    folders.module(f"{CORE}.streams.text", "from pydatatask_core import errors\nfrom .raw import bits\n")
    folders.module(f"{CORE}.streams.other", "from .text import Text\n")
    assert _found(folders, {"errors": set(), "streams": {"errors", "streams/raw"}, "streams/raw": set()}) == []


@pytest.mark.parametrize("source", ["from .streams import text\n", IN_A_FUNCTION, FOR_TYPES])
def test_an_import_that_the_table_lacks(folders: FakeWorkspace, source: str) -> None:
    folders.module(f"{CORE}.errors", source)
    (problem,) = _found(folders, {"errors": set(), "streams": set(), "streams/raw": set()})
    assert problem.startswith(f"{SOURCE}/errors.py:{source.count(chr(10))}: errors of {CORE} must not import streams;")


def test_a_folder_within_another_is_a_part_of_its_own(folders: FakeWorkspace) -> None:
    folders.module(f"{CORE}.streams.raw.bits", "from pydatatask_core.streams.text import Text\n")
    (problem,) = _found(folders, {"errors": set(), "streams": set(), "streams/raw": set()})
    assert f"streams/raw of {CORE} must not import streams;" in problem


def test_the_package_itself_is_imported_by_no_part(folders: FakeWorkspace) -> None:
    folders.module(f"{CORE}.errors", "from pydatatask_core import Text\n")
    (problem,) = _found(folders, {"errors": set(), "streams": set(), "streams/raw": set()})
    assert f"errors of {CORE} must not import __init__;" in problem


@pytest.mark.parametrize("name", ["errors", "streams", "streams/raw"])
def test_a_part_that_the_table_lacks(folders: FakeWorkspace, name: str) -> None:
    table: dict[str, set[str]] = {"errors": set(), "streams": set(), "streams/raw": set()}
    del table[name]
    (problem,) = _found(folders, table)
    assert problem.endswith(f"PARTS of tools/checks/layers.py has no entry for {name} of {CORE}")


def test_a_part_that_does_not_exist(folders: FakeWorkspace) -> None:
    (problem,) = _found(folders, {"errors": set(), "links": set(), "streams": set(), "streams/raw": set()})
    assert problem == f"PARTS of tools/checks/layers.py has an entry for links of {CORE}, which does not exist"


def test_an_entry_that_no_import_needs(folders: FakeWorkspace) -> None:
    (problem,) = _found(folders, {"errors": set(), "streams": {"errors"}, "streams/raw": set()})
    assert f"lets streams of {CORE} import errors, and nothing there does" in problem


def test_parts_that_import_one_another(folders: FakeWorkspace) -> None:
    folders.module(f"{CORE}.streams.text", "import pydatatask_core.errors\n")
    folders.module(f"{CORE}.errors", "from pydatatask_core.streams.raw import bits\n")
    folders.module(f"{CORE}.streams.raw.other", "from ..other import x\n")
    folders.module(f"{CORE}.streams.other", "")
    table = {"errors": {"streams/raw"}, "streams": {"errors"}, "streams/raw": {"streams"}}
    (problem,) = _found(folders, table)
    assert problem.startswith(
        f"parts of {CORE} import one another: {SOURCE}/errors.py:1 (errors imports streams/raw), "
    )
