from __future__ import annotations

from tools.checks.verify_types import incomplete

SYMBOLS = [
    {"name": "a.known", "isExported": True, "isTypeKnown": True, "diagnostics": []},
    {"name": "a._private", "isExported": False, "isTypeKnown": False, "diagnostics": [{"message": "no type"}]},
    {
        "name": "a.f",
        "isExported": True,
        "isTypeKnown": False,
        "diagnostics": [{"message": "none"}, {"message": "x"}],
    },
]


def test_a_public_name_whose_type_is_not_known() -> None:
    report = {"typeCompleteness": {"symbols": SYMBOLS, "exportedSymbolCounts": {"withKnownType": 1}}}
    assert list(incomplete("a", report)) == ["a.f: its type is not known: none; x"]


def test_a_package_without_public_names() -> None:
    report = {"typeCompleteness": {"symbols": [], "exportedSymbolCounts": {"withKnownType": 0}}}
    assert list(incomplete("a", report)) == ["a: pyright has found no public name"]


def test_a_package_that_has_no_types() -> None:
    (problem,) = incomplete("a", {"generalDiagnostics": [{"message": "no py.typed"}]})
    assert problem.startswith("a: pyright cannot verify its types: ")
    assert "no py.typed" in problem
