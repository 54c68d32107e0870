"""Log records of all packages name their cause, also where no traceback is shown."""

from __future__ import annotations

import ast
import errno
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pydatatask_cli.terminal.logging_setup import BriefFormatter
from tools.workspace import distributions

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("debug", "info", "warning", "error", "critical", "exception", "log")
LOGGERS = ("log", "_log", "_LOGGER", "logger", "_logger")
WIDE = {"BaseException", "Exception", "OSError", "PydatataskError", "StoreError"}
"""Errors that may have many reasons; the others are reasons themselves."""
CONVERSION = re.compile(r"%[rsd]|%\.?\d*[fg]|%%")


class LogCall(NamedTuple):
    """A call of a logger."""

    place: str
    node: ast.Call
    uses_error: bool
    is_handler: bool

    @property
    def format(self) -> str:
        """The message, as far as it is written there."""
        literals = [part.value for part in ast.walk(self.node.args[0]) if isinstance(part, ast.Constant)]
        return "".join(str(literal) for literal in literals)

    @property
    def has_traceback(self) -> bool:
        """Whether it hands an exception to the handlers of the log."""
        function = self.node.func
        assert isinstance(function, ast.Attribute)
        return function.attr == "exception" or any(keyword.arg == "exc_info" for keyword in self.node.keywords)


def calls(tree: ast.AST, path: str, uses_error: bool = False, is_handler: bool = False) -> Iterator[LogCall]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)} if node.type else WIDE
            used = {part.id for inner in node.body for part in ast.walk(inner) if isinstance(part, ast.Name)}
            yield from calls(node, path, node.name in used, bool(node.name or caught & WIDE))
            continue
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in METHODS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in LOGGERS
        ):
            yield LogCall(f"{path}:{node.lineno}", node, uses_error, is_handler)
        inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from calls(node, path, uses_error and not inner, is_handler and not inner)


def all_calls() -> list[LogCall]:
    return [
        call
        for distribution in distributions(ROOT)
        for _, path in distribution.modules()
        for call in calls(ast.parse(path.read_text()), str(path.relative_to(ROOT)))
    ]


ALL = all_calls()
WITH_TRACEBACK = [call for call in ALL if call.has_traceback]


def test_there_are_log_calls_of_both_kinds() -> None:
    assert len(ALL) > 30
    assert len(WITH_TRACEBACK) > 5


@pytest.mark.parametrize("call", WITH_TRACEBACK, ids=lambda call: call.place)
def test_a_record_whose_traceback_is_left_out_ends_with_the_reason(call: LogCall) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/out/a.txt")
    message = CONVERSION.sub("x", call.format)
    try:
        raise error
    except OSError:
        record = logging.LogRecord("pydatatask", logging.ERROR, "", 1, message, None, sys.exc_info())
    text = BriefFormatter(tracebacks=False).format(record)
    assert text.endswith("No space left on device: /out/a.txt")
    assert "Traceback" not in text


@pytest.mark.parametrize("call", [call for call in ALL if call.is_handler], ids=lambda call: call.place)
def test_a_record_of_a_handled_error_says_which(call: LogCall) -> None:
    assert call.has_traceback or call.uses_error, f"{call.place}: {call.format!r} does not name the error"
