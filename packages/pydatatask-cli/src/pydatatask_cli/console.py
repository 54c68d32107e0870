"""The console script ``pydatatask -p FILE_OR_MODULE[:NAME] COMMAND ...``."""

from __future__ import annotations

import sys

from pydatatask_cli.arguments import PIPELINE, verbosity
from pydatatask_cli.discovery import find_pipeline
from pydatatask_cli.dispatch import dispatch
from pydatatask_cli.error_handler import status_of
from pydatatask_cli.parser import parse_arguments
from pydatatask_cli.terminal.logging_setup import configure

__all__ = ["main"]


def main() -> None:
    """Parse ``sys.argv``, find the pipeline, and carry out the command.

    :raises SystemExit: The exit status is not 0.
    """
    status = status_of(_run)
    if status:
        sys.exit(status)


def _run() -> int:
    arguments = parse_arguments(sys.argv[1:], finds_pipeline=True)
    configure(verbosity(arguments))
    return dispatch(find_pipeline(arguments.pop(PIPELINE)), arguments)
