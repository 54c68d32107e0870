from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from inspect import Parameter, Signature
from typing import Any

import pytest
from exec_doubles import Records, links
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core import Link
from pydatatask_core.errors import DefinitionError, FunctionBindingError
from pydatatask_exec.functions.binding import bind_function
from pydatatask_exec.functions.types import function_name, is_coroutine_function

BOOKS, REPORTS, HYPHEN = Records(), Records(), Records()
LINKS = links(books=BOOKS, reports=REPORTS)


def passed(func: Callable[..., Any], hyphen: bool = False) -> Any:
    """Bind `func`, call it for the job `j`, and give what it returns."""
    there = LINKS | links(**{"to-do": HYPHEN}) if hyphen else LINKS
    return bind_function(func, "count", there)("j")


@pytest.mark.requirement("func.bound-job", "func.bound-links")
def test_job_and_links_are_passed_by_name_in_any_order() -> None:
    assert passed(lambda reports, job, books: (job, books, reports)) == ("j", BOOKS, REPORTS)
    assert passed(lambda *, books, job: (job, books)) == ("j", BOOKS)


def test_a_function_need_not_take_the_job_nor_every_link() -> None:
    assert passed(lambda books: books) is BOOKS
    assert passed(lambda: "nothing") == "nothing"


@pytest.mark.requirement("func.unknown-parameter")
def test_an_unknown_parameter_is_named_with_the_function_and_the_links() -> None:
    def count_words(job: str, boks: object, books: object, *, reprots: object) -> None: ...

    with pytest.raises(NameError) as caught:
        passed(count_words)
    assert isinstance(caught.value, FunctionBindingError)
    text = str(caught.value)
    assert "task count" in text
    assert "count_words" in text
    assert "boks, reprots" in text
    assert "books, reports" in text


def test_an_unknown_parameter_where_there_are_no_links() -> None:
    with pytest.raises(FunctionBindingError, match="its links are: none"):
        bind_function(lambda books: None, "count", {})


@pytest.mark.requirement("func.optional-parameter")
def test_parameters_with_a_default_may_be_missing_from_the_links() -> None:
    assert passed(lambda job, threshold=3: (job, threshold)) == ("j", 3)


def test_a_default_gives_way_to_a_link() -> None:
    assert passed(lambda job, books=None: books) is BOOKS


@pytest.mark.requirement("func.optional-parameter")
def test_var_keyword_receives_all_that_has_no_parameter_of_its_own() -> None:
    assert passed(lambda books, **rest: rest, hyphen=True) == {"job": "j", "reports": REPORTS, "to-do": HYPHEN}
    assert bind_function(lambda job, **rest: rest, "count", {})("j") == {}


def test_var_positional_receives_nothing() -> None:
    assert passed(lambda job, *rest, books: (job, rest, books)) == ("j", (), BOOKS)


def test_positional_only_parameters_are_passed_by_position() -> None:
    def takes(books: object, job: object, /, reports: object) -> object:
        return books, job, reports

    assert passed(takes) == (BOOKS, "j", REPORTS)


def test_defaults_between_positional_only_parameters_are_kept() -> None:
    def takes(threshold: int = 3, job: object = None, last: int = 5, /) -> object:
        return threshold, job, last

    assert passed(takes) == (3, "j", 5)


def test_positional_only_parameters_do_not_turn_up_in_var_keyword_again() -> None:
    def takes(job: object, books: object, /, **rest: object) -> object:
        return job, books, rest

    assert passed(takes) == ("j", BOOKS, {"reports": REPORTS})


def test_a_hyphen_cannot_be_in_a_parameter_and_keeps_nobody_from_being_bound() -> None:
    assert passed(lambda books: books, hyphen=True) is BOOKS
    with pytest.raises(FunctionBindingError, match="to-do"):
        passed(lambda to_do: None, hyphen=True)


def test_a_link_named_job_does_not_hide_the_job() -> None:
    assert bind_function(lambda job: job, "count", links(job=BOOKS))("j") == "j"
    assert bind_function(lambda **rest: rest, "count", links(job=BOOKS))("j") == {"job": "j"}


def test_what_a_partial_has_fixed_stays_fixed() -> None:
    def takes(threshold: int, job: str, books: object, reports: object) -> object:
        return threshold, job, books, reports

    assert passed(functools.partial(takes, 3)) == (3, "j", BOOKS, REPORTS)
    assert passed(functools.partial(takes, 3, reports="mine")) == (3, "j", BOOKS, "mine")
    assert passed(functools.partial(takes, threshold=3)) == (3, "j", BOOKS, REPORTS)


class Counter:
    def __init__(self, start: int) -> None:
        self.start = start

    def __call__(self, job: str, books: object) -> object:
        return self.start, job, books

    async def method(self, job: str, books: object) -> object:
        return self.start, job, books

    @classmethod
    def of_the_class(cls, job: str, books: object) -> object:
        return job, books


class AsyncCounter:
    async def __call__(self, job: str) -> object:
        return job


async def test_objects_and_methods_are_bound_without_self() -> None:
    assert passed(Counter(3)) == (3, "j", BOOKS)
    assert await passed(Counter(4).method) == (4, "j", BOOKS)
    assert passed(Counter.of_the_class) == ("j", BOOKS)


def test_a_decorator_that_takes_keywords_and_wraps_is_seen_through() -> None:
    def decorate(func: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(func)
        def inner(**arguments: object) -> object:
            return func(**arguments)

        return inner

    assert passed(decorate(lambda job, books: (job, books))) == ("j", BOOKS)


@pytest.mark.parametrize("func", [3, None, "count"])
def test_what_cannot_be_called_is_refused(func: Any) -> None:
    with pytest.raises(DefinitionError, match=r"task count: .* is no function"):
        bind_function(func, "count", LINKS)


def test_a_function_whose_parameters_nobody_knows_is_refused() -> None:
    with pytest.raises(DefinitionError, match="wrap it in a Python function"):
        bind_function(type, "count", LINKS)


def test_a_function_that_yields_is_refused_as_nothing_of_it_would_run() -> None:
    def generator(job: str) -> Any:
        yield job

    async def async_generator(job: str) -> Any:
        yield job

    for func in (generator, async_generator, functools.partial(generator)):
        with pytest.raises(DefinitionError, match="yields"):
            bind_function(func, "count", LINKS)


async def coroutine_function(job: str) -> None: ...


def returns_a_coroutine(job: str) -> Awaitable[None]:
    return coroutine_function(job)


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (coroutine_function, True),
        (functools.partial(coroutine_function), True),
        (Counter(1).method, True),
        (functools.partial(Counter(1).method), True),
        (AsyncCounter(), True),
        (functools.partial(AsyncCounter()), True),
        (AsyncCounter, False),
        (returns_a_coroutine, False),
        (Counter(1), False),
        (print, False),
    ],
)
def test_coroutine_functions_are_recognised(func: object, expected: bool) -> None:
    assert is_coroutine_function(func) is expected


def test_functions_are_named_in_messages() -> None:
    assert function_name(coroutine_function) == "coroutine_function"
    assert function_name(functools.partial(functools.partial(Counter(1).method))) == "Counter.method"
    assert function_name(Counter(1)) == "Counter"


class Signed:
    """Tells what each parameter of a made-up signature received."""

    def __init__(self, signature: Signature) -> None:
        self.__signature__ = signature

    def __call__(self, *args: object, **kwargs: object) -> dict[str, object]:
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments


KINDS = st.sampled_from([Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY])


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    """Signatures whose parameters all have defaults, so that any set of links will do."""
    names = draw(st.lists(st.sampled_from(["job", "a", "b", "c", "d"]), unique=True))
    parameters = [Parameter(name, draw(KINDS), default=f"default of {name}") for name in names]
    for name, kind in (("args", Parameter.VAR_POSITIONAL), ("rest", Parameter.VAR_KEYWORD)):
        if draw(st.booleans()):
            parameters.append(Parameter(name, kind))
    return Signature(sorted(parameters, key=lambda parameter: parameter.kind))


@given(signatures(), st.sets(st.sampled_from(["a", "b", "c", "d", "e", "e-f"])))
def test_every_parameter_receives_what_its_name_says(signature: Signature, linked: set[str]) -> None:
    repositories = {name: Records() for name in linked}
    received = bind_function(Signed(signature), "task", links(**repositories))("j")
    available: dict[str, object] = {"job": "j", **repositories}
    assert received.pop("args", ()) == ()
    rest = received.pop("rest", None)
    assert received == {name: available.get(name, f"default of {name}") for name in received}
    if rest is not None:
        assert rest == {name: value for name, value in available.items() if name not in received}


@pytest.mark.parametrize(
    "func",
    [
        lambda job, books: (job, books),
        lambda job, *, books: (job, books),
        lambda job, **rest: (job, rest),
        functools.partial(lambda job, books, more: (job, books, more), more=1),
    ],
)
def test_the_quick_way_to_call_a_function_comes_to_the_same(func: Callable[..., Any]) -> None:
    bound = bind_function(func, "count", LINKS)
    assert bound.caller()("j") == bound("j")


def test_the_quick_way_relies_on_no_signature_that_a_decorator_has_copied() -> None:
    def swapped(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(books: object, job: str) -> Any:
            return func(job, books)

        return wrapper

    assert bind_function(swapped(lambda job, books: (job, books)), "count", LINKS).caller()("j") == ("j", BOOKS)


@pytest.mark.requirement("retry.attempt")
@pytest.mark.parametrize(
    "func",
    [
        lambda job, attempt: (job, attempt),
        lambda *, attempt, job: (job, attempt),
        lambda attempt, job, /: (job, attempt),
        lambda job, /, attempt: (job, attempt),
        lambda attempt, **rest: (rest["job"], attempt),
    ],
)
def test_a_function_may_take_the_number_of_the_attempt(func: Callable[..., Any]) -> None:
    bound = bind_function(func, "count", {})
    assert bound("j", 3) == ("j", 3)
    assert bound("j") == bound.caller()("j") == ("j", 1)


@pytest.mark.requirement("retry.attempt")
def test_a_link_named_attempt_wins() -> None:
    assert bind_function(lambda attempt: attempt, "count", links(attempt=BOOKS))("j", 3) is BOOKS
    assert bind_function(functools.partial(lambda attempt: attempt, attempt=9), "count", {})("j", 3) == 9


@pytest.mark.requirement("retry.attempt")
def test_a_default_of_attempt_is_kept_unless_the_task_records_failures() -> None:
    failures = {"failures": Link(BOOKS, is_failure=True)}
    for func in (lambda attempt=7: attempt, lambda attempt=7, /: attempt):
        assert bind_function(func, "count", {})("j", 3) == 7
        assert bind_function(func, "count", failures)("j", 3) == 3
    assert bind_function(lambda **rest: rest, "count", {})("j", 3) == {"job": "j"}
