"""`tools/dev docs`: build the site into build/site; a broken link, or markup that cannot be read, is an error."""

from __future__ import annotations

import argparse
import os
from typing import Final

from tools.command import PYTHON, run
from tools.uv import program
from tools.workspace import ROOT

ENVIRONMENT: Final = ROOT / ".tools" / "docs"
"""An environment of its own: no other verb needs what builds the site."""
SITE: Final = ROOT / "build" / "site"


def main(arguments: list[str]) -> int:
    """Build it, and return 1 where something is wrong with the pages."""
    parser = argparse.ArgumentParser(prog="tools/dev docs", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="read all pages anew")
    fresh = ["--fresh-env"] if parser.parse_args(arguments).fresh else []
    sync = [program(), "sync", "--quiet", "--locked", "--only-group", "docs", "--python", PYTHON]
    if status := run(sync, env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)}):
        return status
    pages = ["--doctree-dir", f"{SITE}.cache", ROOT / "docs", SITE]
    strict = ["--fail-on-warning", "--quiet", "--jobs", "auto"]
    status = run([*map(str, [ENVIRONMENT / "bin" / "sphinx-build", *strict, *fresh, *pages])])
    if status == 0:
        print(f"The site is at {SITE / 'index.html'}")
    return status
