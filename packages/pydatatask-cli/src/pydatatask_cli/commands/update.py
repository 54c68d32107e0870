"""``update``: one round of the pipeline."""

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
    """Put the command on the menu.

    :param commands: The menu.
    """
    add_command(commands, "update", update, "Keep the pipeline in motion")


@returns_status
async def update(pipeline: Pipeline) -> int:
    """Perform one round: look after what is live, and launch what is ready. Prints nothing.

    It returns when every launch of the round has, and the launch of an in-process job is the job. Call it again, from a
    timer say, to keep the pipeline in motion; to bring it to its end, there is ``run``.

    :param pipeline: The pipeline; it is opened if it is not open.
    :returns: The exit status: 0. What fails is logged, and the next round tries it again.
    """
    async with opened(pipeline):
        await pipeline.update()
    return 0
