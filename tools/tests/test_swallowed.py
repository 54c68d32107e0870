from __future__ import annotations

import pytest

from tools.checks.swallowed import problems, swallowing
from tools.workspace import ROOT


def _handler(clause: str, *statements: str) -> str:
    return "\n".join(["try:", "    f()", clause, *(f"    {statement}" for statement in statements)])


def test_the_packages_swallow_nothing() -> None:
    assert problems(ROOT) == []


@pytest.mark.parametrize(
    ("clause", "statement"),
    [
        ("except Exception:", "raise"),
        ("except BaseException:", "raise ValueError() from None"),
        ("except Exception as error:", "found.append(error)"),
        ("except Exception:", "log.exception('it failed')"),
        ("except Exception:", "log.error('it failed', exc_info=True)"),
        ("except ValueError:", "pass"),
        ("except (KeyError, OSError):", "pass"),
    ],
)
def test_a_handler_that_may_be(clause: str, statement: str) -> None:
    assert list(swallowing(_handler(clause, statement))) == []


@pytest.mark.parametrize(
    ("clause", "statement"),
    [
        ("except:", "pass"),
        ("except Exception:", "return_it(None)"),
        ("except BaseException as error:", "log.error('it failed')"),
        ("except (ValueError, Exception):", "pass"),
        ("except* Exception:", "pass"),
    ],
)
def test_a_handler_that_swallows(clause: str, statement: str) -> None:
    assert list(swallowing(_handler(clause, statement))) == [3]
