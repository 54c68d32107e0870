from __future__ import annotations

import contextlib
import random
import sqlite3
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
        (IN_CORE / "scheduling/without_tests_of_its_own.py", CORE / "tests/scheduling"),
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
    assert tests[:2] == [STORAGE / "tests/s3", STORAGE / "tests/remote"]
    assert all(test.name.startswith("test_s3_") for test in tests[2:])


def _work_list(path: Path, number: int = 100) -> None:
    """Make the tables of cosmic-ray that are used, with some changes of which half are skipped already."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE mutation_specs"
            " (job_id TEXT, module_path TEXT, operator_name TEXT, operator_args TEXT, occurrence INTEGER,"
            " start_pos_row INTEGER, start_pos_col INTEGER)"
        )
        connection.execute("CREATE TABLE work_results (job_id TEXT PRIMARY KEY, worker_outcome TEXT, output TEXT)")
        rows = [(f"id-{random.random()}", f"module_{index}.py") for index in range(number)]
        connection.executemany("INSERT INTO mutation_specs VALUES (?, ?, 'a/B', '{}', 0, 1, 0)", rows)
        connection.executemany("INSERT INTO work_results VALUES (?, 'SKIPPED', '')", [(row[0],) for row in rows[::2]])


def _left(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT module_path FROM mutation_specs WHERE job_id NOT IN (SELECT job_id FROM work_results)"
        )
        return sorted(row[0] for row in rows)


def test_a_seed_draws_the_same_changes_again(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        _work_list(tmp_path / name)
        mutate.draw(tmp_path / name, 10, seed)
    drawn = {name: _left(tmp_path / name) for name in ("one", "again", "other")}
    assert len(drawn["one"]) == 10
    assert drawn["one"] == drawn["again"] != drawn["other"]


def test_a_sample_may_be_larger_than_the_list(tmp_path: Path) -> None:
    _work_list(tmp_path / "list")
    mutate.draw(tmp_path / "list", 1000, 0)
    assert len(_left(tmp_path / "list")) == 50


@pytest.mark.parametrize(
    ("operator", "line", "column", "is_made"),
    [
        ("core/RemoveDecorator", "    @override", 4, False),
        ("core/RemoveDecorator", "    @property", 4, True),
        ("core/ReplaceBinaryOperator_Mul_Div", "def f(self, *, x: int) -> int:", 12, False),
        ("core/ReplaceBinaryOperator_Mul_Div", "x = 2 * y", 6, True),
        ("core/AddNot", "@override", 0, True),
    ],
)
def test_a_change_that_no_test_could_notice_is_not_made(
    tmp_path: Path, operator: str, line: str, column: int, is_made: bool
) -> None:
    (tmp_path / "module_0.py").write_text(f"\n{line}\n")
    _work_list(tmp_path / "list", 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "list")) as connection, connection:
        connection.execute("DELETE FROM work_results")
        row = "UPDATE mutation_specs SET operator_name = ?, start_pos_row = 2, start_pos_col = ?"
        connection.execute(row, (operator, column))
    mutate.skip_unnoticeable(tmp_path / "list", tmp_path)
    assert bool(_left(tmp_path / "list")) is is_made
