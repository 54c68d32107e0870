"""The API is the documented one, name by name and signature by signature; what differs is explained.

`tools/api/documented.toml` holds the documented names, `tools/api/explained.toml` the explanations.
"""

from __future__ import annotations

import importlib
import inspect
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.checks.layers import META
from tools.checks.public_api import stated_names
from tools.docs.api_text import BASES, documented
from tools.docs.own_signatures import of_class, of_function, of_member
from tools.docs.signatures import Parameter, Signature, read
from tools.workspace import distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Explanation:
    """Why some things differ."""

    why: str
    differences: tuple[str, ...]


def problems(root: Path) -> list[str]:
    """List differences that nothing explains, and explanations of what does not differ."""
    found = differences(root)
    explained = [difference for explanation in explanations(root) for difference in explanation.differences]
    return [
        *(f"not explained: {difference}" for difference in found if difference not in explained),
        *(f"explained, but not so: {difference}" for difference in explained if difference not in found),
        *(f"explained twice: {difference}" for difference in sorted(set(explained)) if explained.count(difference) > 1),
    ]


def explanations(root: Path) -> list[Explanation]:
    """Load the explanations."""
    loaded = tomllib.loads((root / "tools" / "api" / "explained.toml").read_text("utf-8"))
    return [Explanation(entry["why"], tuple(entry["differences"])) for entry in loaded["explanation"]]


def differences(root: Path) -> list[str]:
    """List all that differs from the documentation. Imports the packages of this environment."""
    return [
        f"{module}.{name}: {difference}"
        for module, names in documented(root).items()
        for name, lines in names.items()
        if "." not in name or _is_there(module, name.partition(".")[0])  # of a missing class one line is enough
        for difference in _of_name(module, name, lines)
    ]


def _named(module: str, name: str) -> object:
    value: object = getattr(importlib.import_module(f"pydatatask.{module}"), name)
    return value


def _is_there(module: str, name: str) -> bool:
    try:
        _named(module, name)
    except (ImportError, AttributeError):
        return False
    return True


def _of_name(module: str, name: str, lines: list[str]) -> Iterator[str]:
    owner, _, member = name.rpartition(".")
    theirs = [read(line) for line in lines if not line.startswith(BASES)]
    try:
        value = _named(module, owner or name)
        ours = of_member(value, member, len(theirs) > 1) if inspect.isclass(value) and owner else [_of_value(value)]
    except (ImportError, AttributeError):
        yield "is missing"
        return
    if len(theirs) > 1 and len(ours) != len(theirs):
        yield f"{len(ours)} overloads, documented are {len(theirs)}"
    yield from (difference for one, other in zip(theirs, ours, strict=False) for difference in compare(one, other))
    yield from (difference for line in lines if line.startswith(BASES) for difference in _bases(line, value))


def _of_value(value: object) -> Signature:
    if inspect.isclass(value):
        return of_class(value)
    return of_function(value) if inspect.isfunction(value) else Signature(value=repr(value))


def _bases(line: str, value: object) -> Iterator[str]:
    names = {cls.__name__ for cls in value.__mro__} if inspect.isclass(value) else set()
    for base in line.removeprefix(BASES).split(", "):
        if base not in names:
            yield f"no subclass of {base}"


def compare(theirs: Signature, ours: Signature) -> Iterator[str]:
    """Tell where a signature of ours differs from what is documented; silence on their side is no difference."""
    for word in sorted(theirs.words ^ ours.words):
        yield f"{word}, not documented as such" if word in ours.words else f"not {word}, documented as such"
    if theirs.parameters is not None:
        yield from _parameters(theirs.parameters, ours.parameters or {})
    if differs(theirs.annotation, ours.annotation):
        yield f"type {_said(ours.annotation)}, documented {theirs.annotation}"
    if theirs.value is not None and theirs.value != ours.value:
        yield f"value {_said(ours.value)}, documented {theirs.value}"


def _said(what: str | None) -> str:
    return "nothing" if what is None else what


def _parameters(theirs: dict[str, Parameter], ours: dict[str, Parameter]) -> Iterator[str]:
    for name in [name for name in theirs if name not in ours]:
        yield f"no parameter {name}"
    for name in [name for name in ours if name not in theirs]:
        yield f"{_kind(ours[name])} {name} added{'' if ours[name].default is None else f'={ours[name].default}'}"
    if theirs.keys() <= ours.keys() and [*theirs] != [*ours][: len(theirs)]:
        yield f"parameters in the order {', '.join(ours)}"
    for name in [name for name in theirs if name in ours]:
        yield from _parameter(name, theirs[name], ours[name])


def _kind(parameter: Parameter) -> str:
    return {"": "parameter", "keyword": "keyword"}.get(parameter.kind, f"parameter {parameter.kind}").rstrip()


def _parameter(name: str, theirs: Parameter, ours: Parameter) -> Iterator[str]:
    if theirs.kind != ours.kind:
        yield f"{name} is {_kind(ours)}, documented {_kind(theirs)}"
    if differs(theirs.annotation, ours.annotation):
        yield f"{name}: {_said(ours.annotation)}, documented {theirs.annotation}"
    if theirs.default != ours.default:
        yield f"default of {name}: {_said(ours.default)}, documented {_said(theirs.default)}"


def differs(theirs: str | None, ours: str | None) -> bool:
    """Tell whether a type differs from what is documented. `Callable` alone leaves open which."""
    if theirs is None or ours == theirs:
        return False
    return ours is None or "[" in theirs or ours.partition("[")[0] != theirs


def added(root: Path) -> Iterator[str]:
    """Yield the public names of the documented modules that the documentation does not have."""
    mirrors = {d.import_name: d for d in distributions(root)}[META].modules()
    known = documented(root)
    for mirror, path in mirrors:
        module = mirror.rpartition(".")[2]
        if module in known:
            yield from (f"{module}.{name}" for name in sorted(stated_names(path) or ()) if name not in known[module])
