"""Signatures as they are written in the documentation, in a form in which they can be compared."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

NEWER: Final = {"Dict": "dict", "List": "list", "Set": "set", "_StderrIsStdout": "StderrIsStdout"}
"""How documented types are called today."""

WORDS: Final = re.compile(r"((?:(?:abstract|async|classmethod|static|property|class) )*)(\w+)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Parameter:
    """A parameter; None stands for what is not said."""

    kind: str = ""
    """`*`, `**`, `keyword` or nothing."""
    annotation: str | None = None
    default: str | None = None


@dataclass(frozen=True)
class Signature:
    """What is said of one name."""

    words: frozenset[str] = frozenset()
    """Of `class`, `async`, `abstract`, `property`, `classmethod` and `static`."""
    parameters: dict[str, Parameter] | None = None
    """By name, in order; None where nothing is said of them."""
    annotation: str | None = None
    """The type of a value, of a property or of what is returned."""
    value: str | None = None


def read(line: str) -> Signature:
    """Read a documented signature.

    :raises ValueError: It is none.
    """
    match = WORDS.fullmatch(line)
    if match is None:
        raise ValueError(f"no signature: {line}")
    words, rest = frozenset(match[1].split()), match[3]
    if rest.startswith("("):
        return _read_function(words, rest)
    if rest.startswith(" = <"):  # the repr of an object, which is nothing to compare
        return Signature(words)
    statement = ast.parse(f"x{rest}" if rest else "x").body[0]
    match statement:
        case ast.AnnAssign(annotation=annotation, value=value):
            return Signature(words, None, plain_type(annotation), ast.unparse(value) if value else None)
        case ast.Assign(value=value):
            return Signature(words, None, None, ast.unparse(value))
        case _:
            return Signature(words)


def _read_function(words: frozenset[str], rest: str) -> Signature:
    function = ast.parse(f"def f{rest}: ...").body[0]
    if not isinstance(function, ast.FunctionDef):
        raise TypeError(rest)
    return Signature(words, dict(_read_parameters(function.args)), plain_type(function.returns))


def _read_parameters(given: ast.arguments) -> Iterator[tuple[str, Parameter]]:
    defaults = [None] * (len(given.args) - len(given.defaults)) + [ast.unparse(value) for value in given.defaults]
    for argument, default in zip(given.args, defaults, strict=True):
        yield argument.arg, Parameter("", plain_type(argument.annotation), default)
    if given.vararg:
        yield given.vararg.arg, Parameter("*", plain_type(given.vararg.annotation))
    if given.kwarg:
        yield given.kwarg.arg, Parameter("**", plain_type(given.kwarg.annotation))


def plain_type(node: ast.expr | None) -> str | None:
    """Write a type without modules and by today's names, and a union in alphabetical order."""
    return None if node is None else ast.unparse(_Plain().visit(node))


class _Plain(ast.NodeTransformer):
    """Writes types without modules, by today's names, unions in alphabetical order, and quoted types without quotes."""

    @override
    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Leave out the module."""
        return ast.Name(NEWER.get(node.attr, node.attr))

    @override
    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Take the newer name."""
        return ast.Name(NEWER.get(node.id, node.id))

    @override
    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """Leave the strings of a Literal alone, and what generators of one type are sent."""
        if ast.unparse(node.value).endswith("Literal"):
            return ast.Subscript(ast.Name("Literal"), node.slice)
        inner = node.slice
        if isinstance(inner, ast.Tuple) and ast.unparse(node.value).endswith("AsyncGenerator"):
            inner = inner.elts[0]
        return ast.Subscript(self.visit(node.value), self.visit(inner))

    @override
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Take off the quotes."""
        if isinstance(node.value, str):
            plain: ast.expr = self.visit(ast.parse(node.value, mode="eval").body)
            return plain
        return node

    @override
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Sort a union."""
        sides = sorted({ast.unparse(self.visit(side)) for side in _sides(node)})
        return ast.parse(" | ".join(sides), mode="eval").body


def _sides(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp):
        yield from _sides(node.left)
        yield from _sides(node.right)
    else:
        yield node
