from __future__ import annotations

import pytest

from tools.checks.suppressions import problems, suppressions
from tools.workspace import ROOT


def test_the_packages_silence_no_checker() -> None:
    assert problems(ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        "x = f()  # type: ignore",
        "x = f()  # type:ignore[arg-type]  # a reason",
        "x = f()  # a reason # pyright: ignore[reportPrivateUsage]",
        "# pyright: basic",
        "# mypy: disable-error-code=misc",
        "x = f()  # noqa: SIM115 - a reason",
        "x = f()  # NOQA",
        "# ruff: noqa",
        "x = f()  # pragma: no cover",
        "x = [  # fmt: skip",
        "from typing import Any, cast",
        "from typing_extensions import cast as convert",
        "import typing as t; x = t.cast(int, f())",
    ],
)
def test_what_silences_a_checker_is_found(line: str) -> None:
    source = f"y = 1\n{line}\n" + ("]\n" if "[  #" in line else "")
    assert [number for number, _ in suppressions(source)] == [2]


@pytest.mark.parametrize(
    "line",
    [
        "x = 'f()  # type: ignore'",
        "# whatever type: ignorance is no reason",
        "# what ruff says of it",
        "x = view.cast('B')",
        "from ctypes import cast",
        "x = f()  # the types: see below",
    ],
)
def test_what_silences_nothing_passes(line: str) -> None:
    assert list(suppressions(f"y = 1\n{line}\n")) == []
