"""`python -m tools VERB …`, which `tools/dev` calls once the environment is there."""

from __future__ import annotations

import importlib
import sys
from typing import Final, Protocol

VERBS: Final = {
    "setup": "make or refresh the environment .venv",
    "check": "format, lint, types, layers, public API, requirements: no tests",
    "test": "all tests; --changed: those of what has changed; --python VERSION: unit tests; others go to pytest",
    "example": "run examples/books, show its status and its report",
    "bench": "measure; see tools/dev bench --help",
    "api": "compare our API with the documented one, name by name",
    "requirements": "print the requirements and the tests that prove them",
    "build": "build the wheels and sdists into dist/ and look into them",
    "alone": "prove each distribution in an environment of its own",
    "docs": "build the documentation's site into build/site, strictly",
    "fuzz": "give the tests of bad input to a fuzzer that follows coverage; see tools/dev fuzz --help",
    "layering": "draw the table of layers (--update: in CONTRIBUTING.md)",
    "mutate": "change sources in small ways and list what no test notices; see tools/dev mutate --help",
    "lock": "bring uv.lock up to date (arguments go to uv lock)",
}


class Verb(Protocol):
    """A module of `tools.verbs`."""

    def main(self, arguments: list[str]) -> int:
        """Do it, and return the exit status."""
        ...


def _load(name: str) -> Verb:
    verb: Verb = importlib.import_module(f"tools.verbs.{name}")
    return verb


def main(argv: list[str]) -> int:
    """Dispatch to the verb's module."""
    name, arguments = (argv[0], argv[1:]) if argv else ("help", [])
    if name in VERBS:
        return _load(name).main(arguments)
    print("usage: tools/dev VERB [ARGUMENT …]\n")
    for verb, meaning in VERBS.items():
        print(f"  {verb:13} {meaning}")
    return 0 if name in ("help", "-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
