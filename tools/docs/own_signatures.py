"""The signatures of our classes, their members and functions, as they are when the packages are imported."""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
from typing import TYPE_CHECKING, Final, get_overloads

from tools.docs.signatures import Parameter, Signature, plain_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ASYNCHRONOUS: Final = ("AsyncGenerator", "AsyncIterator", "AsyncIterable", "Awaitable", "Coroutine")
"""What is returned by functions that are asynchronous without being coroutine functions."""


def of_class(cls: type) -> Signature:
    """Tell what a class is constructed with; what Python adds to an enumeration is nobody's affair."""
    if issubclass(cls, enum.Enum):
        return Signature(frozenset({"class"}), {"value": Parameter()})
    return Signature(frozenset({"class"}), dict(_parameters(cls)))


def of_member(owner: type, name: str, overloads: bool = False) -> list[Signature]:
    """Tell what a member of a class is.

    :param owner: The class.
    :param name: The name of the member.
    :param overloads: Whether to give a signature for each overload, where there are some, in place of the one of all.
    :raises AttributeError: There is none of this name.
    """
    try:
        member: object = inspect.getattr_static(owner, name)
    except AttributeError:
        return [Signature(annotation=_field(owner, name))]
    if isinstance(member, property) and member.fget is not None:
        words = {"property", *(["abstract"] if _is_abstract(member) else [])}
        return [Signature(frozenset(words), None, _result(member.fget))]
    if isinstance(member, enum.Enum):
        return [Signature(value=repr(member.value))]
    if isinstance(member, staticmethod | classmethod) or inspect.isfunction(member):
        word = {staticmethod: "static", classmethod: "classmethod"}.get(type(member))
        function: Callable[..., object] = member if inspect.isfunction(member) else member.__func__
        words = {*([word] if word else []), *(["abstract"] if _is_abstract(function) else [])}
        return [_of_method(one, words) for one in (get_overloads(function) if overloads else []) or [function]]
    return [Signature(annotation=_field_or_none(owner, name), value=_value(owner, name, member))]


def of_function(function: Callable[..., object]) -> Signature:
    """Tell what a function of a module is."""
    words = frozenset({"async"}) if _is_async(function) else frozenset()
    return Signature(words, dict(_parameters(function)), _result(function))


def _of_method(function: Callable[..., object], words: set[str]) -> Signature:
    parameters = list(_parameters(function))
    return Signature(
        frozenset(words | ({"async"} if _is_async(function) else set())),
        dict(parameters if "static" in words else parameters[1:]),
        _result(function),
    )


def _is_abstract(member: object) -> bool:
    return bool(getattr(member, "__isabstractmethod__", False))


def _value(owner: type, name: str, member: object) -> str:
    """Tell the default of a field, which is no attribute where the class has slots."""
    if dataclasses.is_dataclass(owner):
        for field in dataclasses.fields(owner):
            if field.name == name:
                return repr(field.default)
    return repr(member)


def _is_async(decorated: Callable[..., object]) -> bool:
    function = inspect.unwrap(decorated)  # before Python 3.12 a decorator's function cannot be marked as asynchronous
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return True
    return (_result(function) or "").startswith(ASYNCHRONOUS)


def _parameters(function: Callable[..., object]) -> Iterator[tuple[str, Parameter]]:
    kinds: dict[object, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
        inspect.Parameter.KEYWORD_ONLY: "keyword",
    }
    for parameter in inspect.signature(function).parameters.values():
        default = None if parameter.default is inspect.Parameter.empty else repr(parameter.default)
        yield parameter.name, Parameter(kinds.get(parameter.kind, ""), _annotation(parameter.annotation), default)


def _result(function: Callable[..., object]) -> str | None:
    return _annotation(inspect.signature(function).return_annotation)


def _annotation(annotation: object) -> str | None:
    if annotation is inspect.Parameter.empty:
        return None
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return plain_type(ast.parse(text, mode="eval").body)


def _field(owner: type, name: str) -> str | None:
    for cls in owner.__mro__:
        if name in (annotations := inspect.get_annotations(cls)):
            return _annotation(annotations[name])
    raise AttributeError(name)


def _field_or_none(owner: type, name: str) -> str | None:
    try:
        return _field(owner, name)
    except AttributeError:
        return None
