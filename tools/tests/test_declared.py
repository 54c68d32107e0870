from __future__ import annotations

import pytest

from tools.checks.declared import problems
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT


@pytest.fixture
def storage(workspace: FakeWorkspace) -> FakeWorkspace:
    workspace.write(
        "packages/pydatatask-storage/pyproject.toml",
        """\
        [project]
        name = "pydatatask-storage"
        dependencies = ["pyyaml>=6", "pydatatask-core==1", "typing-extensions>=4"]
        [project.optional-dependencies]
        s3 = ["aiobotocore>=2"]
        """,
    )
    return workspace


def test_the_packages_declare_what_they_import() -> None:
    assert problems(ROOT) == []


@pytest.mark.parametrize(
    "source",
    [
        "import os\nfrom typing_extensions import override\nfrom pydatatask_core import Repository\n",
        "def f():\n    import yaml, json\n    from aiobotocore.session import get_session\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from types_aiobotocore_s3 import S3Client\n",
        "from pydatatask_storage.files import x\nfrom .files import y\n",
    ],
)
def test_what_is_declared_and_light(storage: FakeWorkspace, source: str) -> None:
    storage.module("pydatatask_storage.files", source)
    assert problems(storage.root) == []


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f():\n    import networkx\n", "does not declare networkx"),
        ("def f():\n    import pydatatask_exec\n", "does not declare pydatatask-exec"),
        ("def f():\n    import pytest\n", "does not know what brings pytest"),
        ("import yaml\n", "imports yaml when it is imported"),
        ("if True:\n    from yaml import safe_load\n", "imports yaml when it is imported"),
        ("class A:\n    import json\n", "imports json when it is imported"),
        ("from importlib import metadata\n", "imports importlib when it is imported"),
        ("from types_aiobotocore_s3 import S3Client\n", "under TYPE_CHECKING"),
        ("from pydatatask_storage.docker.client.tags import x\n", "docker.client.tags when it is imported"),
        ("from pydatatask_storage.docker import client\n", "imports pydatatask_storage.docker when it is imported"),
    ],
)
def test_what_is_not(storage: FakeWorkspace, source: str, problem: str) -> None:
    storage.module("pydatatask_storage.files", source)
    (found,) = problems(storage.root)
    assert problem in found


def test_a_suite_of_tests_may_import_pytest(workspace: FakeWorkspace) -> None:
    workspace.module("pydatatask_core.testing.blobs", "import pytest\nimport json\n")
    assert problems(workspace.root) == []


def test_what_is_loaded_late_may_be_heavy(storage: FakeWorkspace) -> None:
    storage.module("pydatatask_storage.docker.client.tags", "import yaml, json\n")
    storage.module("pydatatask_storage.docker.client.more", "from pydatatask_storage.docker.client.tags import x\n")
    assert problems(storage.root) == []
