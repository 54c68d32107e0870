"""The entries of `tools/requirements`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MILESTONES: Final = frozenset({"remote-stores", "processes", "kubernetes", "scheduler", "polish"})
ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.[a-z0-9]+(-[a-z0-9]+)*")
FIELDS: Final = frozenset({"sentence", "mended", "milestone"})


@dataclass(frozen=True)
class Requirement:
    """A rule that pydatatask keeps to."""

    id: str
    sentence: str
    mended: bool
    milestone: str | None
    file: str


class RequirementListError(ValueError):
    """The list of requirements is malformed."""


def load(root: Path) -> dict[str, Requirement]:
    """Read all entries.

    :raises RequirementListError: with every problem of every file, one a line.
    """
    entries: dict[str, Requirement] = {}
    wrong: list[str] = []
    for path in sorted((root / "tools" / "requirements").glob("*.toml")):
        for id, fields in tomllib.loads(path.read_text("utf-8")).items():
            wrong += [f"{path.name}: {id}: {problem}" for problem in _problems(id, fields, entries)]
            if isinstance(fields, dict):
                entries[id] = _entry(id, fields, path.name)
    if wrong:
        raise RequirementListError("\n".join(wrong))
    return entries


def _entry(id: str, fields: dict[str, object], file: str) -> Requirement:
    milestone = fields.get("milestone")
    return Requirement(
        id,
        str(fields.get("sentence", "")),
        fields.get("mended") is True,
        None if milestone is None else str(milestone),
        file,
    )


def _problems(id: str, fields: object, known: dict[str, Requirement]) -> Iterator[str]:
    if not ID.fullmatch(id):
        yield "an id has the form topic.name, in kebab-case and in quotes"
    if id in known:
        yield f"is in {known[id].file} already"
    if not isinstance(fields, dict):
        yield "is no table"
        return
    if unknown := sorted(set(fields) - FIELDS):
        yield f"unknown fields {', '.join(unknown)}"
    if not isinstance(fields.get("sentence"), str) or not str(fields["sentence"]).endswith("."):
        yield "needs a sentence that ends in a full stop"
    if fields.get("mended") not in (None, True):
        yield "mended is true or left out"
    if "milestone" in fields and fields["milestone"] not in MILESTONES:
        yield f"the milestone is one of {', '.join(sorted(MILESTONES))}"
