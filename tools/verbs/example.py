"""`tools/dev example [--fresh] [--s3 | --dask]`: run an example, show its status, and print what it made."""

from __future__ import annotations

import argparse
import shlex
import shutil
from pathlib import Path
from typing import Final

from tools.command import PYTHON, must_run, output
from tools.workspace import ROOT

BOOKS: Final = ROOT / "examples" / "books"
BOOKS_DASK: Final = BOOKS.with_name("books_dask")
CURRENT_RANKING: Final = "rank.rankings & rank.shelf"
"""Rankings of earlier sets of books stay; the shelf is the set that there is now."""


def main(arguments: list[str]) -> int:
    """Run the commands as a user would type them."""
    parser = argparse.ArgumentParser(prog="tools/dev example", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="first forget what an earlier run made")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--s3", action="store_true", help="run examples/books_s3, against servers that it starts")
    which.add_argument("--dask", action="store_true", help="run examples/books_dask, on a cluster that it starts")
    options = parser.parse_args(arguments)
    if options.s3:
        must_run([PYTHON, str(BOOKS.with_name("books_s3") / "demo.py")])
        return 0
    example = BOOKS_DASK if options.dask else BOOKS
    if options.fresh:
        shutil.rmtree(example / "build", ignore_errors=True)
    _show(example, "run")
    _show(example, "status")
    if options.dask:
        _show(example, "cat", "summary.reports", "jonah")
        return 0
    for job in output([PYTHON, "main.py", "ls", CURRENT_RANKING], cwd=example).split():
        _show(example, "cat", "rank.rankings", job)
    return 0


def _show(example: Path, *command: str) -> None:
    print(f"$ python {(example / 'main.py').relative_to(ROOT)} {shlex.join(command)}", flush=True)
    must_run([PYTHON, "main.py", *command], cwd=example)
    print(flush=True)
