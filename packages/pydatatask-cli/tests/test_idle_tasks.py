from __future__ import annotations

from pathlib import Path

import pytest
from cli_pipelines import Step, library

from pydatatask_cli import run
from pydatatask_cli.idle_tasks import explain_idle_tasks
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.sessions.session import Session
from pydatatask_storage import FileRepository, InProcessMetadataRepository

pytestmark = pytest.mark.requirement("cli.idle-tasks")


async def _nothing(job: str) -> None:
    """Do nothing."""


def pipeline(**inputs: Repository) -> Pipeline:
    task = Step("count", InProcessMetadataRepository(), _nothing)
    for name, repository in inputs.items():
        task.link(name, repository, is_input=True)
    return Pipeline([task], Session())


async def explained(made: Pipeline) -> list[str]:
    async with made:
        return await explain_idle_tasks(made)


async def test_a_misspelt_directory_is_named(tmp_path: Path) -> None:
    assert await explained(pipeline(books=FileRepository(tmp_path / "bokks", ".txt"))) == [
        f"count.books is empty, so count has nothing to do: FileRepository {tmp_path}/bokks/*.txt"
    ]


async def test_files_that_are_no_jobs_are_mentioned(tmp_path: Path) -> None:
    (tmp_path / "a.TXT").touch()
    [line] = await explained(pipeline(books=FileRepository(tmp_path, ".txt")))
    assert line.endswith("; the directory has 1 other files, such as a.TXT")


async def test_inputs_with_different_ids_are_named() -> None:
    made = pipeline(books=InProcessMetadataRepository({"b1": 1}), covers=InProcessMetadataRepository({"c1": 1}))
    assert await explained(made) == [
        "count has nothing to do, as no job is in all of its inputs: count.books has 'b1', count.covers has 'c1'"
    ]


async def test_a_job_in_all_inputs_is_enough() -> None:
    books = InProcessMetadataRepository({"b1": 1, "b2": 1})
    assert await explained(pipeline(books=books, covers=InProcessMetadataRepository({"b2": 1}))) == []


async def test_what_another_task_populates_may_be_empty() -> None:
    lib = library("b1")
    assert await explained(lib.pipeline) == []


async def test_a_disabled_task_is_nobodys_mistake() -> None:
    made = pipeline(books=InProcessMetadataRepository())
    made.tasks["count"].disabled = True
    assert await explained(made) == []


@pytest.mark.parametrize(("books", "warnings"), [({}, 1), ({"b1": 1}, 0)])
async def test_a_run_warns_once(books: dict[str, object], warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    assert await run(pipeline(books=InProcessMetadataRepository(books)), False, False, None) == 0
    assert caplog.text.count("count.books is empty") == warnings
