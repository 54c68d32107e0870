"""`tools/dev test`: all tests, unit and integration. What stands on its command line goes to pytest."""

from __future__ import annotations

from tools.command import PYTHON, run


def main(arguments: list[str]) -> int:
    """Run pytest and return its exit status; it prints why tests were skipped, and its summary last."""
    return run([PYTHON, "-m", "pytest", *arguments])
