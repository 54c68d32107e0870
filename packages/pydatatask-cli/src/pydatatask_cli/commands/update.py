"""``update``: one scheduling round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.open_pipeline import opened
from pydatatask_core.pipeline import Pipeline

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "update"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    add_command(
        commands,
        "update",
        update,
        details="Run one scheduling round: record jobs that have ended, and launch those that are ready.",
        examples=["", "-v"],
    )


@returns_status
async def update(pipeline: Pipeline) -> int:
    """Run one scheduling round: record jobs that have ended, and launch those that are ready. Prints nothing.

    It returns when all launches of the round have returned; an in-process job is launched by running it. Call it again,
    from a timer for example, to keep the pipeline in motion. ``run`` is the command that finishes all jobs.

    :param pipeline: The pipeline; it is opened if it is not open.
    :returns: The exit status: 0. What fails is logged, and the next round tries it again.
    """
    async with opened(pipeline):
        await pipeline.update()
    return 0
