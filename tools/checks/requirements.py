"""The requirement list and the markers of the tests agree, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.checks.requirement_list import RequirementListError, load
from tools.checks.requirement_marks import read

if TYPE_CHECKING:
    from pathlib import Path


def problems(root: Path) -> list[str]:
    """List rules without a test, and markers without a rule."""
    try:
        entries = load(root)
    except RequirementListError as error:
        return str(error).splitlines()
    marks = read(root)
    unknown = [
        f"{place}: no requirement {id}" for id, places in marks.tests.items() if id not in entries for place in places
    ]
    unproven = [
        f"{entry.file}: {entry.id} has no test, nor a later milestone: {entry.sentence}"
        for entry in entries.values()
        if entry.milestone is None and entry.id not in marks.tests
    ]
    return marks.not_literal + unknown + unproven
