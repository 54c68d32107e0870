from __future__ import annotations

from pathlib import Path

from tools.checks.pyright import complaints


def _diagnostic(file: Path, severity: str, line: int, **more: str) -> dict[str, object]:
    place = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 3}}
    return {"file": str(file), "severity": severity, "message": "no type", "range": place, **more}


def test_errors_and_warnings_are_complaints(tmp_path: Path) -> None:
    report = {
        "generalDiagnostics": [
            _diagnostic(tmp_path / "packages" / "a" / "src" / "b.py", "error", 0, rule="reportSomething"),
            _diagnostic(tmp_path / "packages" / "a" / "c.py", "warning", 6),
            _diagnostic(tmp_path / "c.py", "information", 1),
        ]
    }
    assert list(complaints(report, tmp_path)) == [
        "packages/a/src/b.py:1: no type (reportSomething)",
        "packages/a/c.py:7: no type",
    ]
