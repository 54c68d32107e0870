"""The top-level script you write using pydatatask should call :func:`main` in its ``if __name__ == '__main__'`` block.

This will parse ``sys.argv`` and display the administration interface for the pipeline.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from pydatatask_cli.arguments import SubParsersT, verbosity
from pydatatask_cli.error_handler import status_of
from pydatatask_core.pipeline import Pipeline

__all__ = ["main"]


def main(pipeline: Pipeline, instrument: Callable[[SubParsersT], None] | None = None) -> None:
    """Parse ``sys.argv`` and display the pipeline administration interface.

    Call this with the pipeline you've constructed.

    If you like, you can pass as the ``instrument`` argument a function which will add additional commands to the menu::

        def add_commands(commands):
            parser = commands.add_parser("count", help="Count the jobs of a task")
            parser.add_argument("task_name")
            parser.set_defaults(func=count)

        async def count(pipeline, task_name):
            print(len(await pipeline.gather_ready_jobs(pipeline.tasks[task_name])))

        if __name__ == "__main__":
            pydatatask.main(pipeline, add_commands)

    A coroutine function is awaited with the pipeline open; a plain function is called with the pipeline closed. What it
    returns is the exit status, if it is an integer.

    :param pipeline: The pipeline.
    :param instrument: Optional: called with the sub-parsers of argparse, to add commands.
    :raises SystemExit: The exit status is not 0. Otherwise the function returns.
    """
    status = status_of(lambda: _run(pipeline, instrument))
    if status:
        sys.exit(status)


def _run(pipeline: Pipeline, instrument: Callable[[SubParsersT], None] | None) -> int:
    # Imported here, as workers of executors import this module and never call main().
    from pydatatask_cli.dispatch import dispatch
    from pydatatask_cli.parser import parse_arguments
    from pydatatask_cli.terminal.logging_setup import configure

    arguments = parse_arguments(sys.argv[1:], instrument)
    configure(verbosity(arguments))
    return dispatch(pipeline, arguments)
