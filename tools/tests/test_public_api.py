from __future__ import annotations

import pytest

from tools.checks.public_api import problems, update
from tools.tests.fake_workspace import FakeWorkspace


@pytest.fixture
def recorded(workspace: FakeWorkspace) -> FakeWorkspace:
    workspace.write("tools/x", "")
    workspace.module("pydatatask_core.__init__", '__all__ = ["Link", "Task"]\n')
    update(workspace.root)
    return workspace


def test_the_record_is_written_and_agrees(recorded: FakeWorkspace) -> None:
    record = recorded.root / "tools/api/pydatatask_core.txt"
    assert record.read_text() == "pydatatask_core.Link\npydatatask_core.Task\n"
    assert problems(recorded.root) == []


def test_a_name_that_was_added(recorded: FakeWorkspace) -> None:
    recorded.module("pydatatask_core.__init__", '__all__ = ["Link", "Session", "Task"]\n')
    assert problems(recorded.root) == ["pydatatask_core.Session is public, but not in tools/api/pydatatask_core.txt"]


def test_a_name_that_was_removed(recorded: FakeWorkspace) -> None:
    recorded.module("pydatatask_core.__init__", '__all__ = ["Link"]\n')
    assert problems(recorded.root) == ["pydatatask_core.Task is in tools/api/pydatatask_core.txt, but no longer public"]


@pytest.mark.parametrize("module", ["pydatatask.__init__", "pydatatask.task", "pydatatask_core.testing.blobs"])
def test_a_public_module_without_all(recorded: FakeWorkspace, module: str) -> None:
    recorded.module(module, "x = 1\n")
    assert problems(recorded.root) == [f"{module.removesuffix('.__init__')} has no __all__"]


def test_a_module_where_things_live_is_not_recorded(recorded: FakeWorkspace) -> None:
    recorded.module("pydatatask_core.tasks.links", '__all__ = ["Link", "helper"]\n')
    recorded.module("pydatatask_core.scheduling.__init__", "")
    assert problems(recorded.root) == []


def test_a_name_that_is_stated_twice_or_private(recorded: FakeWorkspace) -> None:
    recorded.module("pydatatask_core.__init__", '__all__: list[str] = ["Link", "Task", "Task", "_x"]\n')
    update(recorded.root)
    assert problems(recorded.root) == [
        "pydatatask_core.Task is stated twice",
        "pydatatask_core._x is private, and in __all__",
    ]
