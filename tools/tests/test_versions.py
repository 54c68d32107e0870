from __future__ import annotations

import pytest

from tools.checks.versions import problems
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT


@pytest.fixture
def pair(workspace: FakeWorkspace) -> FakeWorkspace:
    workspace.write("LICENSE", "free")
    for name in ("core", "storage"):
        directory = f"packages/pydatatask-{name}"
        workspace.write(f"{directory}/LICENSE", "free")
        workspace.write(f"{directory}/README.md", "")
        workspace.write(f"{directory}/src/pydatatask_{name}/py.typed", "")
        workspace.write(f"{directory}/pyproject.toml", f'[project]\nname = "pydatatask-{name}"\nversion = "1.0"\n')
    return workspace


def test_the_distributions_go_together() -> None:
    assert problems(ROOT) == []


def test_a_good_pair(pair: FakeWorkspace) -> None:
    project = pair.root / "packages/pydatatask-storage/pyproject.toml"
    project.write_text(project.read_text() + 'dependencies = ["pydatatask-core==1.0", "pyyaml>=6"]\n')
    assert problems(pair.root) == []


@pytest.mark.parametrize("requirement", ["pydatatask-core", "pydatatask-core>=1.0", "pydatatask-core[x]==0.9"])
def test_a_loose_pin(pair: FakeWorkspace, requirement: str) -> None:
    project = pair.root / "packages/pydatatask-storage/pyproject.toml"
    project.write_text(f"{project.read_text()}[project.optional-dependencies]\nall = ['{requirement}']\n")
    assert problems(pair.root) == [f"pydatatask-storage: {requirement} is not pinned to 1.0"]


def test_versions_that_differ(pair: FakeWorkspace) -> None:
    pair.write("packages/pydatatask-core/pyproject.toml", '[project]\nname = "pydatatask-core"\nversion = "1.1"\n')
    (problem,) = problems(pair.root)
    assert "the versions differ" in problem


@pytest.mark.parametrize("file", ["README.md", "LICENSE", "src/pydatatask_core/py.typed"])
def test_a_missing_file(pair: FakeWorkspace, file: str) -> None:
    (pair.root / "packages/pydatatask-core" / file).unlink()
    assert problems(pair.root) == [f"pydatatask-core: has no {file}"]


def test_another_licence(pair: FakeWorkspace) -> None:
    pair.write("packages/pydatatask-core/LICENSE", "proprietary")
    assert problems(pair.root) == ["pydatatask-core: its LICENSE differs from the one at the root"]
