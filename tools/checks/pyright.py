"""The sources satisfy pyright in its strict mode, as they do mypy."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.command import PYTHON, must_run
from tools.uv import program
from tools.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENVIRONMENT: Final = ROOT / ".tools" / "pyright"
"""An environment of its own, as pyright brings its own Node.js."""


def problems(root: Path) -> list[str]:
    """List what pyright objects to in the sources.

    :param root: the workspace, whose pyproject.toml has the settings.
    """
    make_environment()
    report = run("--project", str(root / "pyproject.toml"))
    if not report["summary"]["filesAnalyzed"]:
        return ["pyright has found no source files"]
    return list(complaints(report, root))


def make_environment() -> None:
    """Make the environment of pyright, or bring it up to date."""
    sync = [program(), "sync", "--quiet", "--locked", "--only-group", "pyright", "--python", PYTHON]
    must_run(sync, env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)})


def run(*arguments: str, cwd: Path = ROOT, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Run pyright and return its report.

    :param arguments: its command line.
    :param cwd: its working directory.
    :param environ: its environment.
    """
    # The Node.js of the environment is taken even where the machine has one: that may be too old.
    variables = {**environ, "PYRIGHT_PYTHON_GLOBAL_NODE": "0", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    argv = [str(ENVIRONMENT / "bin" / "pyright"), "--outputjson", *arguments]
    done = subprocess.run(argv, cwd=cwd, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"pyright failed with exit status {done.returncode}: {done.stdout}") from None
    return report


def complaints(report: dict[str, Any], root: Path) -> Iterator[str]:
    """Yield the errors and warnings of a report.

    :param report: what pyright has printed.
    :param root: the directory to which the names of files are relative.
    """
    for diagnostic in report["generalDiagnostics"]:
        if diagnostic["severity"] in ("error", "warning"):
            place = f"{Path(diagnostic['file']).relative_to(root)}:{diagnostic['range']['start']['line'] + 1}"
            rule = f" ({diagnostic['rule']})" if "rule" in diagnostic else ""
            yield f"{place}: {diagnostic['message']}{rule}"
