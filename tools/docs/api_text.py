"""Read the names and signatures out of the documented API, the text of its pages; they are kept in `documented.toml`.

python -m tools.docs.api_text --from FILE
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

RECORD: Final = ROOT / "tools" / "api" / "documented.toml"
HEAD: Final = """\
# The documented names and signatures, module by module, as python -m tools.docs.api_text read them out of the text of
# the documentation. tools/dev api compares them with ours; explained.toml says why some differ.
"""

Documented = dict[str, dict[str, list[str]]]
"""By module and name: what is said of the name, a line for each overload, and for a class one with its bases."""

MODULE: Final = re.compile(r"pydatatask\.(\w+) module")
CONTENTS: Final = re.compile(r"\s+([A-Za-z_]\w*(?:\.\w+)?)(?:\(\))?")
SIGNATURE: Final = r"(?:\(.*\)(?: → .*)?|: .*| = .*)?"
TOP_LEVEL: Final = re.compile(rf"(?:class |async )?pydatatask\.\w+\.(\w+){SIGNATURE}")
MEMBER: Final = re.compile(rf"(?:(?:abstract|async|classmethod|static|property) )*(\w+){SIGNATURE}")
BASES: Final = "Bases: "


def documented(root: Path) -> Documented:
    """Load the record."""
    loaded: Documented = tomllib.loads((root / RECORD.relative_to(ROOT)).read_text("utf-8"))
    return loaded


def extract(text: str) -> Documented:
    """Read the text of the pages: first a table of contents, then the modules."""
    lines = text.splitlines()
    names = {name for line in lines if (name := _in_contents(line))}
    begin = next(i for i, line in enumerate(lines) if MODULE.fullmatch(line))
    found: Documented = {}
    for module, name, said in _entries(lines[begin:], names):
        found.setdefault(module, {}).setdefault(name, []).append(said)
    return found


def _in_contents(line: str) -> str | None:
    match = CONTENTS.fullmatch(line)
    return match[1] if match else None


def _entries(lines: Iterable[str], names: set[str]) -> Iterator[tuple[str, str, str]]:
    module = owner = ""
    for line in lines:
        if heading := MODULE.fullmatch(line):
            module, owner = heading[1], ""
        elif top := TOP_LEVEL.fullmatch(line):
            owner = top[1] if line.startswith("class ") else ""
            yield module, top[1], _plain(line, module)
        elif owner and line.strip().startswith(BASES):
            yield module, owner, line.strip()
        elif owner and (member := MEMBER.fullmatch(line)) and f"{owner}.{member[1]}" in names:
            yield module, f"{owner}.{member[1]}", _plain(line, module)


def _plain(line: str, module: str) -> str:
    return line.replace(f"pydatatask.{module}.", "").replace("→", "->")


def write(found: Mapping[str, Mapping[str, list[str]]]) -> str:
    """Write what was read as TOML."""
    parts = [HEAD]
    for module, entries in found.items():
        parts.append(f"\n[{module}]\n")
        parts += [f"{json.dumps(name)} = {_array(said)}\n" for name, said in entries.items()]
    return "".join(parts)


def _array(said: list[str]) -> str:
    quoted = [json.dumps(line, ensure_ascii=False) for line in said]
    return f"[{quoted[0]}]" if len(quoted) == 1 else "[\n" + "".join(f"  {line},\n" for line in quoted) + "]"


def main() -> None:
    """Write the record anew."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs.api_text", description=__doc__)
    parser.add_argument("--from", dest="file", type=Path, required=True, help="the text of the documentation")
    RECORD.write_text(write(extract(parser.parse_args().file.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
