"""A plugin of pytest for a run of one test, which goes to the fuzzer atheris instead of being called.

Fixtures, parameters and filters of warnings are those of the test. The fuzzer ends the process.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import traceback
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol

import pytest

from tools.fuzz.one_input import Property, one_input
from tools.workspace import distributions

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

OURS: Final = [distribution.import_name for distribution in distributions()]
INSTRUMENTED: Final = [*OURS, "jinja2", "yaml"]
"""Whose coverage the fuzzer follows: ours, and those who parse what we are given."""
NO_MODULES_OF_USERS: Final = ("pydatatask_core.testing",)


class Atheris(Protocol):
    """The module, which is in the environment of `tools/dev fuzz` only."""

    def instrument_imports(self, include: list[str]) -> AbstractContextManager[object]:
        """Instrument the packages that are imported in the block."""
        ...

    def Setup(self, argv: list[str], test_one_input: Callable[[bytes], None]) -> object:
        """Get ready; libFuzzer documents the options that `argv` has behind the program's name."""
        ...

    def Fuzz(self) -> None:
        """Call the function until something is found or time is over, and end the process."""
        ...


def _atheris() -> Atheris:
    module: Atheris = importlib.import_module("atheris")
    return module


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take what is for libFuzzer."""
    parser.addoption("--libfuzzer", action="append", default=[], metavar="ARGUMENT", help="an argument for libFuzzer")


def pytest_configure(config: pytest.Config) -> None:
    """Have what is imported from now on instrumented."""
    stack = ExitStack()
    stack.enter_context(_atheris().instrument_imports(include=INSTRUMENTED))
    config.add_cleanup(stack.close)


def pytest_collection_finish() -> None:
    """Import all modules before any test does: atheris tells of each on standard error."""
    for name in INSTRUMENTED:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.startswith(NO_MODULES_OF_USERS):
                importlib.import_module(module.name)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Give the test to the fuzzer."""
    test: object = pyfuncitem.obj
    if not isinstance(test, Property):
        raise pytest.UsageError(f"{pyfuncitem.nodeid} is no test of hypothesis")
    names = pyfuncitem.funcargs.keys() & inspect.signature(test.hypothesis.inner_test).parameters.keys()
    call = one_input(test, {name: pyfuncitem.funcargs[name] for name in names})
    atheris = _atheris()
    atheris.Setup([pyfuncitem.nodeid, *pyfuncitem.config.getoption("--libfuzzer")], lambda data: _call(call, data))
    atheris.Fuzz()
    return True


def _call(test: Callable[[bytes], object], data: bytes) -> None:
    """Call the test; what it raises is also written past whatever has taken the place of standard error."""
    try:
        test(data)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        raise
