from __future__ import annotations

import pytest

from tools.checks.layering import problems
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT

IN_A_FUNCTION = "def f():\n    from pydatatask_exec import tasks\n"
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pydatatask_exec.tasks\n"


def test_the_packages_keep_to_their_layers() -> None:
    assert problems(ROOT) == []


@pytest.mark.parametrize("source", ["import pydatatask_exec\n", IN_A_FUNCTION, FOR_TYPES])
@pytest.mark.parametrize("package", ["pydatatask_core", "pydatatask_storage", "pydatatask_cli"])
def test_an_import_against_the_layers(workspace: FakeWorkspace, package: str, source: str) -> None:
    workspace.module("pydatatask_exec.__init__", "")
    workspace.module("pydatatask_exec.tasks", "")
    workspace.module(f"{package}.repository", source)
    assert [problem.split(": ", 1)[1] for problem in problems(workspace.root)] == [
        f"{package} must not import pydatatask_exec"
    ]


def test_an_import_with_the_layers(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.__init__", "")
    workspace.module("pydatatask_core.repository", "")
    workspace.module("pydatatask_storage.files", "from pydatatask_core.repository import Repository\n")
    workspace.module("pydatatask_cli.ls", "from pydatatask_storage import files\nimport pydatatask_core.repository\n")
    assert problems(workspace.root) == []


def test_an_import_of_what_is_not_installed(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.repository", "from tools import workspace\n")
    assert len(problems(workspace.root)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from pydatatask_core.links import _secret\n",
        "from .links import _secret as secret\n",
        "from pydatatask_core import _hidden\n",
        "import pydatatask_core._hidden\n",
        "from pydatatask_core import links\nlinks._secret()\n",
        "import pydatatask_core.links as l\ndef f():\n    return l._secret\n",
        "import pydatatask_core.links\nx = pydatatask_core.links._secret\n",
    ],
)
def test_a_private_name_of_another_module(workspace: FakeWorkspace, source: str) -> None:
    workspace.module("pydatatask_core.__init__", "")
    workspace.module("pydatatask_core.links", "def _secret(): ...\n")
    workspace.module("pydatatask_core.tasks", source)
    (problem,) = problems(workspace.root)
    assert "private name" in problem


def test_private_names_of_its_own_and_of_objects(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.tasks", "_mine = 1\nclass T:\n    def f(self):\n        return self._x + _mine\n")
    workspace.module("pydatatask_core.version", "from pydatatask_core.tasks import __doc__\nfrom os import _exit\n")
    assert problems(workspace.root) == []


@pytest.mark.parametrize(
    "back",
    [
        "import pydatatask_core.a\n",
        "from pydatatask_core import a\n",
        "from . import a\n",
        "from .a import x\n",
        "def f():\n    from pydatatask_core.a import x\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pydatatask_core.a import x\n",
    ],
)
def test_a_cycle(workspace: FakeWorkspace, back: str) -> None:
    workspace.module("pydatatask_core.a", "from pydatatask_core.b import y\n")
    workspace.module("pydatatask_core.b", "from pydatatask_core.c import z\n")
    workspace.module("pydatatask_core.c", back)
    assert problems(workspace.root) == [
        "modules import one another: pydatatask_core.a, pydatatask_core.b, pydatatask_core.c"
    ]


def test_a_module_that_imports_its_own_package(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.__init__", "from pydatatask_core.a import x as x\n")
    workspace.module("pydatatask_core.a", "from pydatatask_core import x\n")
    assert problems(workspace.root) == ["modules import one another: pydatatask_core, pydatatask_core.a"]
