from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_cli.set_expressions import parse
from pydatatask_core.errors import UsageError

NAMES = {
    "a.done": {"j1", "j2", "j3"},
    "b.out": {"j2", "j3", "j4"},
    "my-task.done": {"j3", "j5"},
    "my.task-done": {"j1", "j5"},
    "c.in-put": {"j4", "j5"},
    "d._x": set(),
}


def find(name: str) -> str:
    for known in NAMES:
        if name.replace("-", "_") == known.replace("-", "_"):
            return known
    raise UsageError(f"there is no {name}")


def value(text: str) -> set[str]:
    return set(parse(text, find).evaluate(lambda name: NAMES[name]))


names = st.sampled_from(sorted(NAMES))
spaces = st.sampled_from(["", " ", "  ", "\t", "\n"])


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> tuple[str, str]:
    """Give an expression, and the same for Python to evaluate."""
    if depth == 0 or draw(st.booleans()):
        name = draw(names)
        spelt = draw(st.sampled_from([name, name.replace("-", "_")]))
        return spelt, f"N[{name!r}]"
    if draw(st.booleans()):
        inner, python = draw(expressions(depth=depth - 1))
        return f"({draw(spaces)}{inner}{draw(spaces)})", f"({python})"
    (left, python_left), (right, python_right) = draw(expressions(depth=depth - 1)), draw(expressions(depth=depth - 1))
    operator = draw(st.sampled_from("|&-^"))
    around = (draw(spaces), draw(spaces))
    return f"{left}{around[0]}{operator}{around[1]}{right}", f"{python_left} {operator} {python_right}"


@pytest.mark.requirement("cli.ls-expression", "cli.ls-underscore")
@given(expressions(), spaces, spaces)
def test_it_means_what_python_sets_would(pair: tuple[str, str], before: str, after: str) -> None:
    text, python = pair
    assert value(before + text + after) == eval(python, {"N": NAMES})


@pytest.mark.fuzz
@pytest.mark.requirement("cli.error-expression", "cli.user-errors")
@given(st.one_of(st.text(), st.text("ab.-_|&^() \n\x00'#\\,:=[]{}*1", max_size=40), st.from_regex(r"[ab]\.[a-z-]+.*")))
def test_anything_else_is_a_usage_error_and_nothing_worse(text: str) -> None:
    try:
        parse(text, find)
    except UsageError:
        return


@pytest.mark.requirement("cli.ls-not-evaluated")
@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "a.done.__class__",
        "a.done(b.out)",
        "a.done()",
        "[a.done]",
        "a.done, b.out",
        "a.done if b.out else a.done",
        "a.done + b.out",
        "a.done | -b.out",
        "~a.done",
        "lambda: a.done",
        "()",
        "a.done # b.out",
        "a.done ** b.out",
        "a.done || b.out",
    ],
)
def test_no_other_python_is_taken(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text, find)


@pytest.mark.requirement("cli.ls-underscore")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my-task.done", {"j3", "j5"}),
        ("my_task.done", {"j3", "j5"}),
        ("a.done-my-task.done", {"j1", "j2"}),
        ("a.done-my_task.done", {"j1", "j2"}),
        ("my-task.done-a.done", {"j5"}),
        ("c.in-put-my-task.done", {"j4"}),
        ("c.in_put-(my.task-done)", {"j4"}),
        ("my.task-done-c.in-put", {"j1"}),
    ],
)
def test_a_hyphen_belongs_to_a_name_where_there_is_such_a_name(text: str, expected: set[str]) -> None:
    assert value(text) == expected


@pytest.mark.requirement("cli.error-expression")
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a.done |", "at its end"),
        ("  a.done b.out", "at character 10, before 'b.out'"),
        ("a.done | | b.out", "at character 10, before '| b.out'"),
        ("(a.done", "at character 1, before '(a.done'"),
        ("a.done)", "at character 7, before ')'"),
        ("a.done | 5", "at character 10, before '5'"),
        ("a.done (b.out)", "at character 7, before '(b.out)'"),
        ("  ", "is empty"),
    ],
)
def test_the_message_tells_the_place(text: str, place: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, find)
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.requirement("cli.error-unknown-name")
@pytest.mark.parametrize(
    ("text", "name"), [("a.done | x.out", "x.out"), ("m-task.done", "m-task.done"), ("a.d-one", "a.d"), ("a", "a")]
)
def test_an_unknown_name_is_reported_as_it_was_meant(text: str, name: str) -> None:
    with pytest.raises(UsageError, match=rf"^there is no {name}$"):
        parse(text, find)


@pytest.mark.parametrize("text", ["(" * 5000 + "a.done" + ")" * 5000, "|".join(["a.done"] * 5000)])
def test_monsters_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"nested too deeply|malformed"):
        parse(text, find)


def test_the_tree_has_nothing_but_names_and_operators() -> None:
    tree = parse("(a.done | b.out) - c.in-put", find).tree
    assert {type(node) for node in ast.walk(tree)} == {ast.BinOp, ast.Name, ast.Load, ast.BitOr, ast.Sub}
