"""The parser of the command line, with all commands."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from typing_extensions import override

from pydatatask_cli.arguments import COMMANDS, PARSER, PIPELINE, add_verbosity
from pydatatask_cli.name_lookup import suggestion
from pydatatask_cli.terminal import output

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from pydatatask_cli.arguments import SubParsers, SubParsersT

__all__ = ["build_parser", "parse_arguments"]

# What argparse says of a mistyped command; before Python 3.12 the choices are in quotes.
_INVALID_CHOICE = r"(?s)invalid choice: '([^']*)' \(choose from (.*)\)"


def parse_arguments(
    given: Sequence[str], instrument: Callable[[SubParsersT], None] | None = None, finds_pipeline: bool = False
) -> dict[str, Any]:
    """Parse the arguments of the program, and return them by name.

    Only the command that they name is loaded, as a pod starts the program once for each job, and none for a call for
    help.

    :param given: The arguments, without the program.
    :param instrument: Optional: adds commands.
    :param finds_pipeline: Whether there is the option ``-p``, which names the pipeline.
    """
    loaded = COMMANDS.keys() if instrument is not None else _needed_commands(given)
    parser = build_parser(instrument, finds_pipeline, loaded)
    known, unknown = parser.parse_known_args(given)
    arguments = vars(known)
    # The parser of a command hands what it does not know to ours, whose help says nothing of the options of commands.
    command: ArgumentParser = arguments.pop(PARSER, parser)
    if unknown:
        command.error(f"unrecognized arguments: {' '.join(unknown)}{_similar_option(command, unknown[0])}")
    return arguments


def _similar_option(parser: ArgumentParser, word: str) -> str:
    options = re.findall("--[a-z-]+", parser.format_usage())
    return suggestion(word.partition("=")[0], options) if word.startswith("--") else ""


def _needed_commands(given: Sequence[str]) -> Collection[str]:
    """Return the commands that have to be loaded to parse some arguments: the one that they name, or none for help.

    All are returned where argparse has to find out which it is, or what is wrong.
    """
    words = iter(given)
    for word in words:
        if word in {"-p", "--pipeline"}:
            next(words, None)
        elif word in {"-h", "--help"}:
            return ()
        elif not word.startswith("-"):
            return (word,) if word in COMMANDS else COMMANDS.keys()
        elif not re.fullmatch("-[vq]+|--verbose|--quiet|-p.+|--pipeline=.*", word):
            break
    return COMMANDS.keys()


def build_parser(
    instrument: Callable[[SubParsersT], None] | None = None,
    finds_pipeline: bool = False,
    loaded: Collection[str] = COMMANDS.keys(),
) -> ArgumentParser:
    """Return the parser of the command line, which reports a mistake in one line on standard error.

    :param instrument: Optional: adds commands.
    :param finds_pipeline: Whether there is the option ``-p``, which names the pipeline.
    :param loaded: The commands to add; if there are none, all are added for the help alone.
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
    for name, summary in COMMANDS.items():
        if name in loaded:
            add_parser: Callable[[SubParsers], None] = import_module(f"pydatatask_cli.commands.{name}").add_parser
            add_parser(commands)
        elif not loaded:
            commands.add_parser(name, help=summary, add_help=False)
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
    choice = re.search(_INVALID_CHOICE, message)
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
