"""The list of commands, the function that adds one to the command line, and options that several share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pydatatask_core.errors import UsageError
from pydatatask_core.repositories.access import Access

if TYPE_CHECKING:
    from argparse import ArgumentParser, HelpFormatter

__all__ = [
    "ACCESS",
    "COMMANDS",
    "FUNC",
    "PARSER",
    "PIPELINE",
    "SubParsers",
    "SubParsersT",
    "add_all_option",
    "add_command",
    "add_json_option",
    "add_verbosity",
    "require_function",
    "seconds",
    "verbosity",
]

COMMANDS: Final[Mapping[str, str]] = {
    "update": "Keep the pipeline in motion",
    "run": "Run update in a loop until everything is quiet",
    "status": "View the pipeline status",
    "trace": "Track a job's progress through the pipeline",
    "rm": "Delete data from the pipeline",
    "ls": "List jobs in a repository",
    "cat": "Print data from a repository",
    "inject": "Dump data into a repository",
    "launch": "Manually start a task",
    "shell": "Launch an interactive shell to interrogate the pipeline",
    "fuse": "Mount the pipeline as a file system",
    "graph": "Draw the dependency graph",
    "failures": "List the jobs that have failed",
    "retry": "Have failed jobs started again",
    "cancel": "Stop running jobs",
}
"""What the help says of each command. It stands here so that the help need not load the commands.

The name of a command is that of its module in :mod:`pydatatask_cli.commands`.
"""

FUNC = "func"
"""Where parsed arguments have the function to call, documented for commands that users add."""

ACCESS = "pydatatask_access"
"""Where parsed arguments say for what the pipeline is to be opened."""

_LOUDER, _QUIETER = "pydatatask_louder", "pydatatask_quieter"

PARSER = "pydatatask_parser"
"""Where parsed arguments have the parser of their command."""

_MOST_SECONDS = 366 * 24 * 60 * 60

PIPELINE = "pydatatask_pipeline"
"""Where parsed arguments have the ``-p`` of the console script."""


class SubParsers(Protocol):
    """What :meth:`argparse.ArgumentParser.add_subparsers` returns, whose class has no public name."""

    def add_parser(
        self,
        name: str,
        *,
        help: str | None = ...,
        description: str | None = ...,
        epilog: str | None = ...,
        formatter_class: type[HelpFormatter] = ...,
        **options: Any,
    ) -> ArgumentParser:
        """Add a command, and return its parser.

        :param name: What the user types.
        :param help: What the list of commands says of it.
        :param description: What its own help says first.
        :param epilog: What its own help says last.
        :param formatter_class: What lays its help out.
        :param options: As for :class:`argparse.ArgumentParser`.
        """
        ...


SubParsersT = TypeVar("SubParsersT", bound=SubParsers)
"""What a function of a user declares that it takes: :class:`SubParsers`, or the private class of argparse."""


def add_command(
    commands: SubParsers,
    name: str,
    function: Callable[..., Any],
    access: Access | None = Access.WRITE,
    *,
    details: str = "",
    examples: Sequence[str] = (),
) -> ArgumentParser:
    """Add a command to the command line.

    :param commands: The sub-parsers of the command line.
    :param name: What the user types, one of :data:`COMMANDS`.
    :param function: Called as ``function(pipeline, **arguments)``.
    :param access: For what the pipeline is opened before a coroutine function is awaited; None if that opens it itself.
    :param details: What the command's own help says, if not the same.
    :param examples: What to type after the name of the command.
    :returns: The parser, to add arguments to.
    """
    from argparse import RawDescriptionHelpFormatter

    summary = COMMANDS[name]
    parser = commands.add_parser(
        name,
        help=summary,
        description=details or f"{summary}.",
        epilog=_epilog(name, examples),
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(**{FUNC: function, ACCESS: access, PARSER: parser})
    add_verbosity(parser, "command_")
    return parser


def _epilog(name: str, examples: Sequence[str]) -> str | None:
    lines = [f"  %(prog)s {example}".rstrip() for example in examples]
    return "\n".join(["examples:", *lines]) if examples else None


def add_verbosity(parser: ArgumentParser, prefix: str = "") -> None:
    """Add ``-v`` and ``-q``, which may be repeated, before and after the command.

    :param parser: The parser of the command line or of a command.
    :param prefix: Tells those of a command from those before it: argparse would overwrite the latter by the former.
    """
    from argparse import SUPPRESS

    for short, long, dest, text in (
        ("-v", "--verbose", _LOUDER, "log more (may be repeated)"),
        ("-q", "--quiet", _QUIETER, "log less (may be repeated)"),
    ):
        parser.add_argument(short, long, dest=prefix + dest, action="count", default=SUPPRESS, help=text)


def verbosity(arguments: dict[str, Any]) -> int:
    """Return how often ``-v`` was given, less ``-q``, and remove both from the arguments.

    :param arguments: The arguments by name.
    :returns: How much more than usual to log; negative means less.
    """
    louder, quieter = (
        sum(arguments.pop(prefix + dest, 0) for prefix in ("", "command_")) for dest in (_LOUDER, _QUIETER)
    )
    return int(louder - quieter)


def add_all_option(parser: ArgumentParser) -> None:
    """Add ``-a``.

    :param parser: The parser of a command.
    """
    parser.add_argument(
        "-a",
        "--all",
        dest="all_repos",
        action="store_true",
        help="show also links that are neither input, output nor status",
    )


def add_json_option(parser: ArgumentParser, shape: str) -> None:
    """Add ``--json``.

    :param parser: The parser of a command.
    :param shape: What comes out.
    """
    parser.add_argument("--json", dest="as_json", action="store_true", help=f"print JSON: {shape}")


def seconds(text: str) -> float:
    """Convert an argument to a number of seconds.

    :param text: What the user typed.
    :raises argparse.ArgumentTypeError: It is no number, not above zero, or longer than a year.
    """
    from argparse import ArgumentTypeError

    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= _MOST_SECONDS:
        raise ArgumentTypeError(f"{text!r} is no time; write a number of seconds, above 0 and at most {_MOST_SECONDS}")
    return number


def require_function(arguments: dict[str, Any], command: str) -> Callable[..., Any]:
    """Return the function to call, and remove it from the arguments.

    :param arguments: The arguments by name.
    :param command: The program, for the message.
    :raises UsageError: A command that was added by ``instrument`` has none.
    """
    function = arguments.pop(FUNC, None)
    if not callable(function):
        raise UsageError(f"this command of {command} has no function: give its parser one by set_defaults(func=...)")
    called: Callable[..., Any] = function
    return called
