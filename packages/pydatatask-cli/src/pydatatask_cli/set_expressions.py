"""Set expressions over links, such as ``(a.done | b.done) - c.live``.

Names are replaced first, as only the pipeline can tell whether a hyphen belongs to a name or subtracts. The rest is
parsed by Python's parser, and evaluated here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydatatask_core.errors import UsageError

__all__ = ["Expression", "parse"]

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_-]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NO_HYPHEN_IN_LINK = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 300
_OPERATORS = "|&-^()"
_HELP = "combine names like task.link with |, &, -, ^ and parentheses"


@dataclass(frozen=True)
class Expression(Generic[T]):
    """A parsed expression.

    :param tree: Python's syntax tree, of names and binary operators only.
    :param operands: What each name stands for, by the column it begins in.
    """

    tree: ast.expr
    operands: Mapping[int, T]

    def evaluate(self, contents: Callable[[T], AbstractSet[str]]) -> AbstractSet[str]:
        """Return the jobs that the expression describes.

        :param contents: Returns the jobs of an operand.
        """
        return self._value(self.tree, contents)

    def _value(self, node: ast.expr, contents: Callable[[T], AbstractSet[str]]) -> AbstractSet[str]:
        if not isinstance(node, ast.BinOp):
            return contents(self.operands[node.col_offset])
        left, right = self._value(node.left, contents), self._value(node.right, contents)
        match node.op:
            case ast.BitOr():
                return left | right
            case ast.BitAnd():
                return left & right
            case ast.Sub():
                return left - right
            case _:
                return left ^ right


def parse(text: str, find: Callable[[str], T]) -> Expression[T]:
    """Parse an expression.

    :param text: What the user typed.
    :param find: Returns what a name stands for; raises UsageError for an unknown name.
    :raises UsageError: The expression is malformed, or has an unknown name.
    """
    operands: dict[int, T] = {}
    masked = "".join(_masked(text, find, operands))
    if not masked.strip():
        raise UsageError(f"the expression is empty: {_HELP}")
    indent = len(masked) - len(masked.lstrip())
    try:
        tree = ast.parse(masked[indent:], mode="eval").body
        shifted = {column - indent: operand for column, operand in operands.items()}
        _check(tree, text, indent, _DEEPEST)
    except SyntaxError as error:
        at = error.offset - 1 if error.offset else len(text)  # Python tells no place where something is missing
        raise _malformed(text, indent + at) from None
    except (RecursionError, MemoryError):
        raise UsageError("the expression is nested too deeply, or too long") from None
    return Expression(tree, shifted)


def _masked(text: str, find: Callable[[str], T], operands: dict[int, T]) -> Iterator[str]:
    """Replace each name by an identifier of the same length, and record what it stands for."""
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            yield " "
        elif character in _OPERATORS:
            yield character
        else:
            name, operands[at] = _name_at(text, at, find)
            yield re.sub(r"[.-]", "_", name)
            at += len(name) - 1
        at += 1


def _name_at(text: str, at: int, find: Callable[[str], T]) -> tuple[str, T]:
    """Find the longest known name: ``my-task.done-other.done`` may begin with any of three."""
    longest = _NAME.match(text, at)
    if longest is None:
        if word := _WORD.match(text, at):
            find(word.group())  # says what is wrong with a name that has no dot
        raise _malformed(text, at)
    name = longest.group()
    if text[longest.end() : longest.end() + 1] == ".":  # what follows the last hyphen is the next name's task
        name = name.rpartition("-")[0]
    while _NAME.fullmatch(name):
        try:
            return name, find(name)
        except UsageError:
            name = name.rpartition("-")[0]
    plain = _NO_HYPHEN_IN_LINK.match(text, at)
    assert plain is not None
    return plain.group(), find(plain.group())


def _check(node: ast.expr, text: str, indent: int, depth: int) -> None:
    """Refuse other expressions of Python, such as calls, signs and tuples, and excessive nesting."""
    if depth == 0:
        raise RecursionError
    match node:
        case ast.Name():
            return
        case ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            _check(node.left, text, indent, depth - 1)
            _check(node.right, text, indent, depth - 1)
        case ast.Call(func=function):
            raise _malformed(text, indent + (function.end_col_offset or 0))
        case _:
            raise _malformed(text, indent + node.col_offset)


def _malformed(text: str, at: int) -> UsageError:
    rest = text[at:].strip()
    where = f"at character {at + 1}, before {rest[:40]!r}" if rest else "at its end"
    return UsageError(f"the expression {_shortened(text)!r} is malformed {where}: {_HELP}")


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."
