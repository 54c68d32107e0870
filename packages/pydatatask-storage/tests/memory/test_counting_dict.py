from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pydatatask_storage.memory.counting_dict import CountingDict

KEYS = st.sampled_from("abc")


def operations() -> st.SearchStrategy[tuple[str, Any]]:
    items = st.dictionaries(KEYS, st.integers(), max_size=3)
    return st.one_of(
        st.tuples(st.sampled_from(["set", "del", "pop", "setdefault"]), KEYS),
        st.tuples(st.sampled_from(["update", "or"]), items),
        st.tuples(st.sampled_from(["clear", "popitem", "pairs", "words"]), st.none()),
    )


def apply(data: dict[str, int], name: str, argument: Any) -> object:
    """Do the same to any dict."""
    match name:
        case "set":
            data[argument] = 1
        case "del":
            data.pop(argument, None)
        case "pop":
            return data.pop(argument, None)
        case "setdefault":
            return data.setdefault(argument, 2)
        case "update":
            data.update(argument)
        case "or":
            data |= argument
        case "clear":
            data.clear()
        case "popitem":
            return data.popitem() if data else None
        case "pairs":
            data.update([("a", 1), ("c", 2)])
        case "words":
            data.update(b=3)
    return None


@given(st.lists(operations(), max_size=15))
def test_it_is_a_dict_whose_revision_belongs_to_its_keys(steps: list[tuple[str, Any]]) -> None:
    counting: CountingDict[int] = CountingDict()
    plain: dict[str, int] = {}
    seen = {counting.revision: set(plain)}
    for name, argument in steps:
        assert apply(counting, name, argument) == apply(plain, name, argument)
        assert counting == plain
        assert list(counting) == list(plain)
        assert seen.setdefault(counting.revision, set(plain)) == set(plain)


def test_two_of_them_never_have_the_same_revision() -> None:
    assert CountingDict[int]().revision != CountingDict[int]().revision


def test_a_new_value_for_a_key_is_no_new_revision() -> None:
    counting: CountingDict[int] = CountingDict()
    counting["a"] = 1
    before = counting.revision
    counting["a"] = 2
    assert counting.revision == before
