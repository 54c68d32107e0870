from __future__ import annotations

from tools.checks.lazy import problems
from tools.tests.fake_workspace import FakeWorkspace

PACKAGE = """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    {imports}
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(__name__, {names}, modules=["main"])
"""
BOTH = "from pydatatask_core.tasks.links import Link as Link"
WHERE = "packages/pydatatask-core/src/pydatatask_core/__init__.py"


def package(workspace: FakeWorkspace, imports: str, names: str) -> list[str]:
    workspace.module("pydatatask_core.__init__", PACKAGE.format(imports=imports, names=names))
    return problems(workspace.root)


def test_a_package_that_says_the_same_twice(workspace: FakeWorkspace) -> None:
    assert package(workspace, BOTH, '{"pydatatask_core.tasks.links": ["Link"]}') == []


def test_a_package_that_loads_all_at_once(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.__init__", BOTH)
    assert problems(workspace.root) == []


def test_a_name_that_type_checkers_do_not_see(workspace: FakeWorkspace) -> None:
    found = package(workspace, BOTH, '{"pydatatask_core.tasks.links": ["Link", "Other"]}')
    assert found == [f"{WHERE}: Other of pydatatask_core.tasks.links is loaded, but not imported under TYPE_CHECKING"]


def test_a_name_that_only_type_checkers_see(workspace: FakeWorkspace) -> None:
    found = package(workspace, BOTH, "{}")
    assert found == [f"{WHERE}: Link of pydatatask_core.tasks.links is imported under TYPE_CHECKING, but not loaded"]


def test_a_name_that_a_submodule_would_replace(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.Link", "")
    (found,) = package(workspace, BOTH, '{"pydatatask_core.tasks.links": ["Link"]}')
    assert found.startswith(f"{WHERE}: Link of pydatatask_core.tasks.links has to be imported at once")


def test_a_submodule_that_stands_for_a_name(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.main", "")
    assert package(workspace, "from pydatatask_core.main import main as main", "{}") == []
