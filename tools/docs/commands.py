"""The commands that the documentation tells its readers to type exist, with the arguments that it names."""

from __future__ import annotations

import contextlib
import io
import shlex
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement

from pydatatask_cli.parser import build_parser
from tools.__main__ import VERBS
from tools.workspace import ROOT, distributions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.docs.blocks import Block

SHELL: Final = frozenset({"sh", "bash", "shell"})
CONSOLE: Final = "console"
PROMPT: Final = "$ "
SEPARATORS: Final = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "<", "2>"})
PYTHONS: Final = frozenset({"python", "python3"})


def problems(block: Block) -> list[str]:
    """List what is wrong with the commands of a block."""
    return [f"{block.page}:{line}: {problem}" for line, command in commands(block) for problem in _wrong(command)]


def commands(block: Block) -> Iterator[tuple[int, list[str]]]:
    """Yield the simple commands of a block, and on which line they begin.

    In a block `sh` each line is one, in a block `console` those that follow a prompt.
    """
    if block.language not in SHELL | {CONSOLE}:
        return
    for number, line in _logical_lines(block):
        typed = line.strip().removeprefix(PROMPT)
        if block.language in SHELL or line.strip().startswith(PROMPT):
            yield from ((number, words) for words in _simple(typed))


def _logical_lines(block: Block) -> Iterator[tuple[int, str]]:
    """Join lines that end with a backslash."""
    begun, number = "", block.line
    for at, line in enumerate(block.lines, block.line):
        number = number if begun else at
        begun += line
        if begun.endswith("\\"):
            begun = begun[:-1]
        else:
            yield number, begun
            begun = ""


def _simple(typed: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(typed, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        tokens = list(lexer)
    except ValueError:  # a here-document, say: nothing that is looked at here
        return
    for token in tokens:
        if token in SEPARATORS:
            yield words
            words = []
        else:
            words.append(token)
    yield words


def _wrong(words: list[str]) -> list[str]:
    match words:
        case [program, script, *arguments] if program in PYTHONS and script.endswith(".py"):
            return _wrong_arguments(arguments, finds_pipeline=False)
        case ["pydatatask", *arguments]:
            return _wrong_arguments(arguments, finds_pipeline=True)
        case ["tools/dev", verb, *_] if verb not in {*VERBS, "help"}:
            return [f"tools/dev has no verb {verb}"]
        case ["pip", "install", *arguments] | ["uv", "pip", "install", *arguments] | ["uv", "add", *arguments]:
            return [problem for argument in arguments for problem in _wrong_requirement(argument)]
        case _:
            return []


def _wrong_arguments(arguments: list[str], finds_pipeline: bool) -> list[str]:
    given = [argument.rstrip("…") for argument in arguments if argument != "…"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            build_parser(finds_pipeline=finds_pipeline).parse_args(given)
    except SystemExit as ending:
        if ending.code not in (0, None):
            return [f"{shlex.join(arguments)}: {said.getvalue().strip()}"]
    return []


def _wrong_requirement(argument: str) -> list[str]:
    try:
        requirement = Requirement(argument)
    except InvalidRequirement:  # an option, or a file
        return []
    extras = {d.name: _extras(d.project()) for d in distributions(ROOT)}
    if not requirement.name.startswith("pydatatask"):
        return []
    if requirement.name not in extras:
        return [f"there is no distribution {requirement.name}"]
    unknown = sorted(requirement.extras - extras[requirement.name])
    return [f"{requirement.name} has no extra {', '.join(unknown)}"] if unknown else []


def _extras(project: dict[str, object]) -> set[str]:
    optional = project.get("optional-dependencies", {})
    return set(optional) if isinstance(optional, dict) else set()
