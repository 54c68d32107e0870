"""Every type that a user of the installed packages can see is declared, as `pyright --verifytypes` finds."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.checks import pyright
from tools.command import PYTHON, must_run
from tools.uv import program
from tools.workspace import ROOT, distributions

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT: Final = ROOT / ".tools" / "wheels"
"""An environment with our wheels, as what matters is what they have in them."""


def problems(root: Path) -> list[str]:
    """List the public names whose types are not known.

    :param root: the workspace.
    """
    pyright.make_environment()
    _install_wheels()
    found: list[str] = []
    # With --verifytypes it takes the Python that PATH finds, whatever else it is told.
    environ = {**os.environ, "PATH": os.pathsep.join([str(ENVIRONMENT / "bin"), os.environ["PATH"]])}
    with tempfile.TemporaryDirectory(prefix="verify-types-") as elsewhere:
        # Otherwise pyright takes the settings of any directory above.
        Path(elsewhere, "pyrightconfig.json").write_text("{}", "utf-8")
        for distribution in distributions(root):
            package = distribution.import_name
            arguments = ("--verifytypes", package, "--ignoreexternal")
            report = pyright.run(*arguments, cwd=Path(elsewhere), environ=environ)
            found += incomplete(package, report)
    return found


def _install_wheels() -> None:
    ours = [f"--reinstall-package={distribution.name}" for distribution in distributions()]
    extras = ["--all-packages", "--all-extras", "--no-extra", "fuse", "--no-default-groups", "--no-editable"]
    sync = [program(), "sync", "--quiet", "--locked", *extras, *ours, "--python", PYTHON]
    must_run(sync, env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)})


def incomplete(package: str, report: dict[str, Any]) -> Iterator[str]:
    """Yield what a report says against a package.

    :param package: the package.
    :param report: what pyright has printed.
    """
    if "typeCompleteness" not in report:
        yield f"{package}: pyright cannot verify its types: {report.get('generalDiagnostics')}"
        return
    completeness = report["typeCompleteness"]
    for symbol in completeness["symbols"]:
        # Without a message of its own, a class is only made of parts that are not known.
        if symbol["isExported"] and not symbol["isTypeKnown"] and symbol["diagnostics"]:
            reasons = "; ".join(str(diagnostic["message"]) for diagnostic in symbol["diagnostics"])
            yield f"{symbol['name']}: its type is not known: {reasons}"
    if not completeness["exportedSymbolCounts"]["withKnownType"]:
        yield f"{package}: pyright has found no public name"
