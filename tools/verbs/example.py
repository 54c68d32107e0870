"""`tools/dev example [--fresh | --s3]`: run examples/books, show its status, and print the ranking that it made."""

from __future__ import annotations

import argparse
import shlex
import shutil
from typing import Final

from tools.command import PYTHON, must_run, output
from tools.workspace import ROOT

BOOKS: Final = ROOT / "examples" / "books"
CURRENT_RANKING: Final = "rank.rankings & rank.shelf"
"""Rankings of earlier sets of books stay; the shelf is the set that there is now."""


def main(arguments: list[str]) -> int:
    """Run the commands as a user would type them."""
    parser = argparse.ArgumentParser(prog="tools/dev example", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="first forget what an earlier run made")
    parser.add_argument("--s3", action="store_true", help="run examples/books_s3, against servers that it starts")
    options = parser.parse_args(arguments)
    if options.s3:
        must_run([PYTHON, str(BOOKS.with_name("books_s3") / "demo.py")])
        return 0
    if options.fresh:
        shutil.rmtree(BOOKS / "build", ignore_errors=True)
    _show("run")
    _show("status")
    for job in output([PYTHON, "main.py", "ls", CURRENT_RANKING], cwd=BOOKS).split():
        _show("cat", "rank.rankings", job)
    return 0


def _show(*command: str) -> None:
    print(f"$ python examples/books/main.py {shlex.join(command)}", flush=True)
    must_run([PYTHON, "main.py", *command], cwd=BOOKS)
    print(flush=True)
