"""The sources satisfy pyright in its strict mode, as they do mypy."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

from tools.command import PYTHON, must_run
from tools.uv import program
from tools.workspace import ROOT

ENVIRONMENT: Final = ROOT / ".tools" / "pyright"
"""An environment of its own, as pyright brings its own Node.js."""
BASELINE: Final = "tools/checks/pyright_baseline.toml"
"""How many errors each package has yet."""


def problems(root: Path) -> list[str]:
    """List what pyright objects to in the sources.

    :param root: the workspace, whose pyproject.toml has the settings.
    """
    make_environment()
    report = run("--project", str(root / "pyproject.toml"))
    if not report["summary"]["filesAnalyzed"]:
        return ["pyright has found no source files"]
    return beyond(complaints(report, root), tomllib.loads((root / BASELINE).read_text("utf-8")))


def make_environment() -> None:
    """Make the environment of pyright, or bring it up to date."""
    sync = [program(), "sync", "--quiet", "--locked", "--only-group", "pyright", "--python", PYTHON]
    must_run(sync, env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)})


def run(*arguments: str, cwd: Path = ROOT) -> dict[str, Any]:
    """Run pyright and return its report.

    :param arguments: its command line.
    :param cwd: its working directory.
    """
    # The Node.js of the environment is taken even where the machine has one: that may be too old.
    environ = os.environ | {"PYRIGHT_PYTHON_GLOBAL_NODE": "0", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    argv = [str(ENVIRONMENT / "bin" / "pyright"), "--outputjson", *arguments]
    done = subprocess.run(argv, cwd=cwd, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"pyright failed with exit status {done.returncode}: {done.stdout}") from None
    return report


def complaints(report: dict[str, Any], root: Path) -> dict[str, list[str]]:
    """Return the errors and warnings of a report, by package.

    :param report: what pyright has printed.
    :param root: the directory to which the names of files are relative.
    """
    found: dict[str, list[str]] = {}
    for diagnostic in report["generalDiagnostics"]:
        if diagnostic["severity"] in ("error", "warning"):
            file = Path(diagnostic["file"]).relative_to(root).as_posix()
            place = f"{file}:{diagnostic['range']['start']['line'] + 1}"
            rule = f" ({diagnostic['rule']})" if "rule" in diagnostic else ""
            found.setdefault("/".join(file.split("/")[:2]), []).append(f"{place}: {diagnostic['message']}{rule}")
    return found


def beyond(found: dict[str, list[str]], baseline: dict[str, int]) -> list[str]:
    """Return the complaints about packages that have more of them than the baseline says.

    :param found: the complaints about each package.
    :param baseline: how many are known.
    """
    return [line for package, lines in sorted(found.items()) if len(lines) > baseline.get(package, 0) for line in lines]
