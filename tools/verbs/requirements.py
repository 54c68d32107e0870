"""`tools/dev requirements [WORD]`: print the rules with WORD in them, and the tests that prove them."""

from __future__ import annotations

from tools.checks.requirement_list import load
from tools.checks.requirement_marks import read
from tools.workspace import ROOT


def main(arguments: list[str]) -> int:
    """Print them and, last, how many there are."""
    word = arguments[0] if arguments else ""
    tests = read(ROOT).tests
    entries = [entry for entry in load(ROOT).values() if word in entry.id or word in entry.sentence]
    for entry in entries:
        remarks = [*(["mended"] if entry.mended else []), *([entry.milestone] if entry.milestone else [])]
        head = f"{entry.id} ({', '.join(remarks)})" if remarks else entry.id
        print(f"{head}: {entry.sentence}")
        for test in tests.get(entry.id, []):
            print(f"    {test}")
    proven = sum(entry.id in tests for entry in entries)
    later = sum(entry.milestone is not None and entry.id not in tests for entry in entries)
    print(f"{len(entries)} rules: {proven} proven, {later} left for later, {len(entries) - proven - later} to do")
    return 0
