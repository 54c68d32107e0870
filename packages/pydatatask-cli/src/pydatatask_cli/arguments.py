"""How a command is put on the menu: what all of them have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydatatask_core.errors import UsageError
from pydatatask_core.repositories.access import Access

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction

    SubParsers = _SubParsersAction[ArgumentParser]

__all__ = [
    "ACCESS",
    "FUNC",
    "PIPELINE",
    "add_command",
    "add_json_option",
    "add_verbosity",
    "require_function",
    "seconds",
    "verbosity",
]

FUNC = "func"
"""Where parsed arguments have the function to call, documented for commands that users add."""

ACCESS = "pydatatask_access"
"""Where parsed arguments say for what the pipeline is to be opened."""

_LOUDER, _QUIETER = "pydatatask_louder", "pydatatask_quieter"

PIPELINE = "pydatatask_pipeline"
"""Where parsed arguments have the ``-p`` of the console script."""


def add_command(
    commands: SubParsers, name: str, function: Callable[..., Any], summary: str, access: Access = Access.WRITE
) -> ArgumentParser:
    """Put a command on the menu.

    :param commands: The menu.
    :param name: What the user types.
    :param function: Called as ``function(pipeline, **arguments)``; its docstring is the command's help.
    :param summary: What it does, in one line.
    :param access: For what the pipeline is opened before a coroutine function is awaited.
    :returns: The parser, to add arguments to.
    """
    parser = commands.add_parser(name, help=summary, description=f"{summary}.")
    parser.set_defaults(**{FUNC: function, ACCESS: access})
    add_verbosity(parser, "command_")
    return parser


def add_verbosity(parser: ArgumentParser, prefix: str = "") -> None:
    """Add ``-v`` and ``-q``, which may be repeated, before and after the command.

    :param parser: The parser of the menu or of a command.
    :param prefix: Keeps those of the command apart from those of the menu, as argparse lets the latter get lost.
    """
    from argparse import SUPPRESS

    for short, long, dest, text in (
        ("-v", "--verbose", _LOUDER, "log more (may be repeated)"),
        ("-q", "--quiet", _QUIETER, "log less (may be repeated)"),
    ):
        parser.add_argument(short, long, dest=prefix + dest, action="count", default=SUPPRESS, help=text)


def verbosity(arguments: dict[str, Any]) -> int:
    """Take ``-v`` and ``-q`` out of the arguments and add them up.

    :param arguments: The arguments by name; the ones of commands remain.
    :returns: How much more than usual is to be logged; negative means less.
    """
    louder, quieter = (
        sum(arguments.pop(prefix + dest, 0) for prefix in ("", "command_")) for dest in (_LOUDER, _QUIETER)
    )
    return int(louder - quieter)


def add_json_option(parser: ArgumentParser, shape: str) -> None:
    """Add ``--json``.

    :param parser: The parser of a command.
    :param shape: What comes out.
    """
    parser.add_argument("--json", dest="as_json", action="store_true", help=f"print JSON: {shape}")


def seconds(text: str) -> float:
    """Read a number of seconds, as a type of argparse.

    :param text: What the user typed.
    :raises ValueError: It is no number, or not above zero.
    """
    number = float(text)
    if not number > 0 or math.isinf(number):
        raise ValueError(text)
    return number


def require_function(arguments: dict[str, Any], command: str) -> Callable[..., Any]:
    """Take the function to call out of the arguments.

    :param arguments: The arguments by name.
    :param command: The program, for the message.
    :raises UsageError: A command that was added by ``instrument`` has none.
    """
    function = arguments.pop(FUNC, None)
    if not callable(function):
        raise UsageError(f"this command of {command} has no function: give its parser one by set_defaults(func=...)")
    called: Callable[..., Any] = function
    return called
