"""``shell``: an interactive Python prompt with the pipeline open."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command
from pydatatask_cli.open_pipeline import opened
from pydatatask_cli.prompt.background_loop import BackgroundLoop
from pydatatask_cli.prompt.prompt_signals import prompt_signals
from pydatatask_cli.signals import require_no_loop
from pydatatask_cli.terminal import output
from pydatatask_core.pipeline import Pipeline

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "shell"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    add_command(
        commands,
        "shell",
        shell,
        details="Open the pipeline and run Python, in which await works, from a prompt or from standard input.",
        examples=["", "< script.py"],
    )


def shell(pipeline: Pipeline) -> int:
    """Open the pipeline and read Python from standard input, where ``await`` works, until its end or ``exit()``.

    On a terminal it is IPython, where the extra ``pydatatask-cli[shell]`` is installed, else Python's own console.

    The names defined are ``pipeline``, ``asyncio``, and each task under its own, a ``-`` written ``_``. Code runs in an
    event loop, in which the pipeline is open. Ctrl-C interrupts what is being awaited.

    :param pipeline: The pipeline, which must not be open, as the shell needs an event loop of its own.
    :returns: The exit status: 0, or what ``exit`` was called with.
    :raises SessionStateError: It is called while an event loop is running.
    """
    require_no_loop("shell()", "call it elsewhere, with the pipeline closed")
    with prompt_signals(), BackgroundLoop(lambda: opened(pipeline)) as loop:
        return _interact(loop, _names(pipeline))


def _interact(loop: BackgroundLoop, names: dict[str, object]) -> int:
    """Use IPython on a terminal if it is installed, and plain Python for a script on a pipe."""
    from pydatatask_cli.prompt import ipython_console, python_console

    if output.on_terminal() and sys.stdin.isatty() and ipython_console.is_installed():
        return ipython_console.interact(loop, names)
    return python_console.interact(loop, names)


def _names(pipeline: Pipeline) -> dict[str, object]:
    tasks = {name.replace("-", "_"): task for name, task in pipeline.tasks.items()}
    return {"__name__": "__console__", "__doc__": None, **tasks, "pipeline": pipeline, "asyncio": asyncio}
