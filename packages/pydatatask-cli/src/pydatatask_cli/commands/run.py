"""``run``: rounds until everything is quiet."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command, seconds
from pydatatask_cli.error_handler import FAILURE, returns_status
from pydatatask_cli.open_pipeline import opened
from pydatatask_cli.terminal import output
from pydatatask_core.errors import PipelineStuckError
from pydatatask_core.pipeline import Pipeline

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "run"]


def add_parser(commands: SubParsers) -> None:
    """Put the command on the menu.

    :param commands: The menu.
    """
    parser = add_command(commands, "run", run, "Run update in a loop until everything is quiet")
    parser.add_argument("--forever", action="store_true", help="go on when everything is quiet")
    parser.add_argument(
        "--launch-once", action="store_true", help="launch only what is ready at the first look, then wait for it"
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="stop after so long, with exit status 1 if there is more to do",
    )


@returns_status
async def run(pipeline: Pipeline, forever: bool, launch_once: bool, timeout: float | None) -> int:
    """Run the pipeline until nothing is live nor ready; on a terminal, show how far each task has come.

    :param pipeline: The pipeline; it is opened if it is not open.
    :param forever: Whether to go on when all is quiet.
    :param launch_once: Whether to launch only what is ready at the first look, and then only to look after it.
    :param timeout: Seconds after which to stop; what runs elsewhere is left alone.
    :returns: The exit status, 1 if the time was over, or the pipeline could not go on.
    """
    try:
        async with opened(pipeline), _progress(pipeline):
            await pipeline.run(forever, launch_once, timeout)
    except PipelineStuckError as error:
        output.write_error("the pipeline cannot go on, as nothing is live and:", *error.reasons)
        return FAILURE
    except TimeoutError:
        if timeout is None:
            raise
        output.write_error(
            f"the pipeline is not done after {timeout:g} seconds; what runs elsewhere has been left alone"
        )
        return FAILURE
    return 0


def _progress(pipeline: Pipeline) -> AbstractAsyncContextManager[None]:
    """Show progress where somebody looks on."""
    if not output.on_terminal():
        return nullcontext()
    from pydatatask_cli.terminal.progress import showing_progress

    return showing_progress(pipeline)
