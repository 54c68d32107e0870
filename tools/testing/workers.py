"""What tests need to run in several processes at a time (pytest-xdist)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


class Workers:
    """A plugin for the side that runs tests; it is registered only where pytest-xdist is there."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
        """Let a report travel to the process that prints it, although a test has printed half a character.

        Names of files that are no UTF-8 are text with surrogates to Python, which pytest-xdist cannot send.
        """
        report = yield
        return {key: printable(value) for key, value in report.items()} if report is not None else None


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin."""
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(Workers(), "pydatatask-workers")


def printable(value: Any) -> Any:
    """Return what a report has in it, with surrogates written out as `\\udcff`.

    :param value: text, or something that has text in it.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(printable, value))
    return value
