from __future__ import annotations

import pytest

from tools.checks.folders import problems
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT

SOURCE = "packages/pydatatask-core/src/pydatatask_core"
INTRODUCTION = '"""Streams of bytes.\n\nThis says how data passes through them.\n"""\n'


@pytest.fixture
def package(workspace: FakeWorkspace) -> FakeWorkspace:
    """Write a package with a folder and its tests."""
    workspace.module("pydatatask_core.__init__", "x = 1\n")
    workspace.module("pydatatask_core.streams.__init__", INTRODUCTION)
    workspace.module("pydatatask_core.streams.text", "x = 1\n")
    for test in ("test_it.py", "helpers/doubles.py", "streams/test_text.py"):
        workspace.write(f"packages/pydatatask-core/tests/{test}", "")
    return workspace


def test_the_folders_of_the_packages() -> None:
    assert problems(ROOT) == []


def test_a_folder_that_is_introduced_and_mirrored(package: FakeWorkspace) -> None:
    assert problems(package.root) == []


@pytest.mark.parametrize("text", ["", '"""Streams."""\n', '"""Streams.\n\n"""\n'])
def test_a_folder_that_is_not_introduced(package: FakeWorkspace, text: str) -> None:
    package.module("pydatatask_core.streams.__init__", text)
    (problem,) = problems(package.root)
    assert problem.startswith(f"{SOURCE}/streams/__init__.py: it must introduce the concept of its folder")


@pytest.mark.parametrize("text", ["x = 1\n", "from .text import x\n", "def f(): ...\n"])
def test_a_folder_whose_init_defines_something(package: FakeWorkspace, text: str) -> None:
    package.module("pydatatask_core.streams.__init__", INTRODUCTION + text)
    assert problems(package.root) == [f"{SOURCE}/streams/__init__.py: it must have nothing but a docstring"]


def test_the_suites_for_users_may_be_imported_from_their_folder(package: FakeWorkspace) -> None:
    package.module("pydatatask_core.testing.__init__", INTRODUCTION + "x = 1\n")
    assert problems(package.root) == []


def test_a_folder_without_an_init(package: FakeWorkspace) -> None:
    package.module("pydatatask_core.links.link", "")
    assert problems(package.root) == [f"{SOURCE}/links/link.py: its folder has no __init__.py"]


def test_tests_that_mirror_no_folder(package: FakeWorkspace) -> None:
    package.write("packages/pydatatask-core/tests/streams/old/test_it.py", "")
    (problem,) = problems(package.root)
    assert problem.startswith(
        "packages/pydatatask-core/tests/streams/old: there is no folder pydatatask_core/streams/old "
    )
