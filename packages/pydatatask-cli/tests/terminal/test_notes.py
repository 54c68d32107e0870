from __future__ import annotations

from collections.abc import Mapping

import pytest
from cli_pipelines import Bare, Step
from typing_extensions import override

from pydatatask_cli import print_status, print_trace
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_storage.memory.metadata import InProcessMetadataRepository


class Waiting(Step):
    """A task some of whose jobs do not get on."""

    @override
    async def notes(self) -> Mapping[str, str]:
        return {"b": "no room", "a": "no room", "c": "no image"}


async def _nothing(job: str) -> None:
    """What the task would do."""


@pytest.fixture
def pipeline() -> Pipeline:
    task = Waiting("count", InProcessMetadataRepository(), _nothing)
    task.link("books", Bare("a", "b", "c"), is_input=True)
    return Pipeline([task], Session())


async def test_status_tells_why_jobs_do_not_get_on(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    await print_status(pipeline, False)
    assert capsys.readouterr().out == (
        "count\ncount.books 3\ncount.done 0\n# job a and 1 more: no room\n# job c: no image\n\n"
    )


async def test_trace_tells_it_of_the_jobs_that_are_asked_for(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    await print_trace(pipeline, False, ["b"])
    assert capsys.readouterr().out == "count\ncount.books b\ncount.done\n# job b: no room\n\n"


async def test_json_holds_what_it_is_said_to_hold(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    await print_status(pipeline, False, as_json=True)
    assert "no room" not in capsys.readouterr().out
