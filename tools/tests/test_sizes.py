from __future__ import annotations

from tools.checks.sizes import LINES_OF_A_FUNCTION, LINES_OF_A_MODULE, MODULES_IN_A_FOLDER, problems
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT

SOURCE = "packages/pydatatask-core/src/pydatatask_core"


def test_the_packages_keep_to_the_sizes() -> None:
    assert problems(ROOT) == []


def test_the_largest_that_is_allowed(workspace: FakeWorkspace) -> None:
    function = "async def f():\n" + "    pass\n" * (LINES_OF_A_FUNCTION - 1)
    workspace.module("pydatatask_core.a", function + "\n" * (LINES_OF_A_MODULE - LINES_OF_A_FUNCTION))
    workspace.module("pydatatask_core.__init__", "")
    for number in range(MODULES_IN_A_FOLDER - 1):
        workspace.module(f"pydatatask_core.a{number}", "")
    assert problems(workspace.root) == []


def test_a_module_that_is_too_long(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.a", "\n" * (LINES_OF_A_MODULE + 1))
    assert problems(workspace.root) == [f"{SOURCE}/a.py: the module has 351 lines, and may have 350"]


def test_a_function_that_is_too_long(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.a", "class A:\n    def f(self):\n" + "        pass\n" * LINES_OF_A_FUNCTION)
    assert problems(workspace.root) == [f"{SOURCE}/a.py:2: f has 61 lines, and may have 60"]


def test_a_folder_with_too_many_modules(workspace: FakeWorkspace) -> None:
    for number in range(MODULES_IN_A_FOLDER + 1):
        workspace.module(f"pydatatask_core.a.b{number}", "")
    workspace.module("pydatatask_core.a.__init__", "")
    assert problems(workspace.root) == [f"{SOURCE}/a: the folder has 21 modules, and may have 20"]
