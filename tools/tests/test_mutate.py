from __future__ import annotations

from pathlib import Path

import pytest

from tools.verbs import mutate

CORE, STORAGE = Path("packages/pydatatask-core"), Path("packages/pydatatask-storage")
IN_CORE, IN_STORAGE = CORE / "src/pydatatask_core", STORAGE / "src/pydatatask_storage"


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        (IN_CORE / "scheduling", CORE / "tests/scheduling"),
        (IN_CORE / "scheduling/levels.py", CORE / "tests/scheduling/test_levels.py"),
        (IN_CORE / "scheduling/dispatcher.py", CORE / "tests/scheduling"),
        (IN_CORE / "pipeline.py", CORE / "tests/test_pipeline.py"),
        (IN_CORE, CORE / "tests"),
        (IN_STORAGE / "files", STORAGE / "tests/files"),
    ],
)
def test_a_part_of_a_package_is_tested_beside_it(path: Path, tests: Path) -> None:
    assert mutate.tests_of(path) == [tests]


def test_a_store_on_a_server_is_tested_against_the_server() -> None:
    tests = mutate.tests_of(IN_STORAGE / "s3/upload.py")
    assert Path("integration/test_s3_contract.py") in tests
    assert all(test.name.startswith("test_s3_") for test in tests)
