"""Every name that a module offers can be imported, has a docstring, and is annotated, with all its public members."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING

from tools.checks.public_api import all_names
from tools.workspace import distributions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def problems(root: Path) -> list[str]:
    """List what a reader of the API would miss. Imports the packages of this environment."""
    found = (
        problem
        for distribution in distributions(root)
        for name in all_names(distribution)
        for problem in problems_of_name(name)
    )
    return sorted(set(found))


def problems_of_name(name: str) -> Iterator[str]:
    """Look at one full name."""
    module, _, attribute = name.rpartition(".")
    try:
        value: object = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        yield f"{name} cannot be imported: {error}"
        return
    yield from problems_of_value(name, value)


def problems_of_value(name: str, value: object) -> Iterator[str]:
    """Look at a class with its members, or at a function; other values need nothing."""
    if inspect.isclass(value):
        yield from _class_problems(value)
    elif inspect.isfunction(value):
        yield from _function_problems(f"{value.__module__}.{value.__qualname__}", value)
    elif inspect.ismodule(value) and not value.__doc__:
        yield f"{name} has no docstring"


def _class_problems(cls: type) -> Iterator[str]:
    name = f"{cls.__module__}.{cls.__qualname__}"
    if not cls.__dict__.get("__doc__"):
        yield f"{name} has no docstring"
    for key, member in vars(cls).items():
        if not key.startswith(("_", "test_")):  # the tests of a contract suite have telling names
            yield from _member_problems(f"{name}.{key}", cls, key, member)


def _member_problems(name: str, cls: type, key: str, member: object) -> Iterator[str]:
    if isinstance(member, property):
        if not inspect.getdoc(getattr(cls, key)):
            yield f"{name} has no docstring"
        if member.fget is not None:
            yield from _annotation_problems(name, member.fget)
    elif isinstance(member, staticmethod | classmethod):
        yield from _function_problems(name, member.__func__, inspect.getdoc(getattr(cls, key)))
    elif inspect.isfunction(member):
        yield from _function_problems(name, member, inspect.getdoc(getattr(cls, key)))


def _function_problems(name: str, function: Callable[..., object], doc: str | None = None) -> Iterator[str]:
    if not (doc or function.__doc__):
        yield f"{name} has no docstring"
    yield from _annotation_problems(name, function)


def _annotation_problems(name: str, function: Callable[..., object]) -> Iterator[str]:
    if function.__module__ == "typing":
        return  # what is left at run time of a method of a Protocol that has overloads alone; they are type-checked
    signature = inspect.signature(function)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name not in ("self", "cls")]
    for parameter in parameters:
        if parameter.annotation is inspect.Parameter.empty:
            yield f"{name}: the parameter {parameter.name} is not annotated"
    if signature.return_annotation is inspect.Signature.empty:
        yield f"{name}: the result is not annotated"
