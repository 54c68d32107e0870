"""The parser of the command line, with all commands."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from typing_extensions import override

from pydatatask_cli.arguments import PIPELINE, add_verbosity
from pydatatask_cli.commands import (
    cancel,
    cat,
    failures,
    fuse,
    graph,
    inject,
    launch,
    ls,
    retry,
    rm,
    run,
    shell,
    status,
    trace,
    update,
)
from pydatatask_cli.name_lookup import suggestion
from pydatatask_cli.terminal import output

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from pydatatask_cli.arguments import SubParsersT

__all__ = ["build_parser"]

_INVALID_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)", re.DOTALL)
"""What argparse says of a mistyped command; before Python 3.12 the choices are in quotes."""

_COMMANDS = (update, run, status, trace, rm, ls, cat, inject, launch, shell, fuse, graph, failures, retry, cancel)


def build_parser(
    instrument: Callable[[SubParsersT], None] | None = None, finds_pipeline: bool = False
) -> ArgumentParser:
    """Return the parser of the command line, which reports a mistake in one line on standard error.

    :param instrument: Optional: adds commands.
    :param finds_pipeline: Whether there is the option ``-p``, which names the pipeline.
    """
    from argparse import SUPPRESS

    parser = _one_line_parser()
    parser.add_argument(
        "--version",
        action=_version_action(),
        nargs=0,
        help="show the version and exit",
        dest=SUPPRESS,
        default=SUPPRESS,
    )
    add_verbosity(parser)
    if finds_pipeline:
        parser.add_argument(
            "-p",
            "--pipeline",
            dest=PIPELINE,
            metavar="FILE_OR_MODULE[:NAME]",
            required=True,
            help="where the pipeline is: a script or a module, and the name it has there if there are several",
        )
    commands = parser.add_subparsers(required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    if instrument is not None:
        # The function may declare the class that argparse does not publish, which is the one that it gets.
        add_commands: Callable[[Any], None] = instrument
        add_commands(commands)
    return parser


def _one_line_parser() -> ArgumentParser:
    """Return a parser without options."""
    import argparse

    class OneLineParser(argparse.ArgumentParser):
        """Reports a mistake in one line, without the usage."""

        @override
        def error(self, message: str) -> NoReturn:
            # Of an unknown command argparse lists the commands twice, in place of the argument's name and as choices.
            message = re.sub("^argument {[^}]*}: ", "", message)
            message = message.replace(" -p/--pipeline", " -p/--pipeline, before the command")
            output.write_error(f"{message}{_suggestion(message)} (see {self.prog} --help)")
            sys.exit(2)

    return OneLineParser(prog=output.program())


def _suggestion(message: str) -> str:
    choice = _INVALID_CHOICE.search(message)
    return suggestion(choice[1], re.findall(r"[^\s',]+", choice[2])) if choice else ""


def _version_action() -> Any:
    """Return an action that prints the version, which is looked up only then, as that takes long."""
    import argparse

    class ShowVersion(argparse.Action):
        @override
        def __call__(
            self,
            parser: ArgumentParser,
            namespace: argparse.Namespace,
            values: str | Sequence[Any] | None,
            option_string: str | None = None,
        ) -> NoReturn:
            from importlib.metadata import version

            output.write_lines([f"pydatatask {version('pydatatask-cli')}"])
            sys.exit(0)

    return ShowVersion
