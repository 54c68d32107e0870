from __future__ import annotations

from typing import Any

import pytest
from core_doubles import Plain, Records
from core_tasks import Idle
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.errors import DefinitionError, DuplicateNameError
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.tasks.links import Link


class Upstream(Idle):
    """A task with a link of each kind that plugging knows."""

    def __init__(self, name: str = "up") -> None:
        super().__init__(name)
        self.link("live", Records(), is_status=True, inhibits_start=True, inhibits_output=True)
        self.link("done", Records(), is_status=True, inhibits_start=True, required_for_output=True)
        self.link("source", Records(), is_input=True)
        self.link("out", Records(), is_output=True)
        self.link("log", Records(), is_output=True, required_for_output=False)


def told(task: Idle) -> dict[str, tuple[str, ...]]:
    """Give the dispositions of each link, in short."""
    names = ("is_input", "is_output", "is_status", "inhibits_start", "required_for_start")
    assert not any(link.inhibits_output or link.required_for_output for link in task.links.values())
    return {name: tuple(n for n in names if getattr(link, n)) for name, link in task.links.items()}


@pytest.mark.requirement("plug.inhibits", "plug.required", "plug.outputs", "plug.names", "plug.nothing")
def test_plugging_makes_of_each_link_what_the_contract_says() -> None:
    up, down = Upstream(), Idle("down")
    down.plug(up)
    assert told(down) == {
        "up_live": ("inhibits_start",),
        "up_done": ("required_for_start",),
        "out": ("is_input", "required_for_start"),
        "log": ("is_input",),
    }
    origins = {"up_live": "live", "up_done": "done", "out": "out", "log": "log"}
    assert all(down.links[here].repo is up.links[there].repo for here, there in origins.items())


@pytest.mark.requirement("plug.inhibits", "plug.required")
def test_without_meta_only_outputs_are_linked_and_required_as_inputs_are() -> None:
    down = Idle("down")
    down.plug(Upstream(), meta=False)
    assert told(down) == {"out": ("is_input", "required_for_start"), "log": ("is_input", "required_for_start")}


@pytest.mark.requirement("plug.outputs", "plug.names")
def test_of_outputs_only_those_in_output_links_become_inputs() -> None:
    down = Idle("down")
    down.plug(Upstream(), output_links=iter(["log"]))
    assert told(down) == {
        "up_live": ("inhibits_start",),
        "up_done": ("required_for_start",),
        "out": ("required_for_start",),
        "log": ("is_input",),
    }


@pytest.mark.requirement("plug.outputs", "plug.nothing")
def test_output_links_and_no_meta_leave_nothing_else() -> None:
    down = Idle("down")
    down.plug(Upstream(), output_links=["out"], meta=False)
    assert told(down) == {"out": ("is_input", "required_for_start")}
    nothing = Idle("nothing")
    nothing.plug(Upstream(), output_links=[], meta=False)
    assert told(nothing) == {}


def test_output_links_may_name_any_link_but_none_that_there_is_not() -> None:
    down = Idle("down")
    down.plug(Upstream(), output_links=["out", "done", "live"])
    assert told(down)["out"] == ("is_input", "required_for_start")
    with pytest.raises(DefinitionError, match=r"^plugging up into other: .* named oot; the output links are: out, log"):
        Idle("other").plug(Upstream(), output_links=["oot"])


@pytest.mark.requirement("plug.name-taken")
def test_an_output_link_whose_name_is_taken_is_named_after_its_task_too() -> None:
    up, down, own = Upstream(), Idle("down"), Records()
    down.link("out", own, is_output=True)
    down.plug(up)
    assert down.links["out"].repo is own
    assert down.links["up_out"].repo is up.links["out"].repo
    assert down.links["up_out"].is_input


def test_if_both_names_are_taken_nothing_is_plugged() -> None:
    down = Idle("down")
    down.link("log", Records())
    down.link("up_log", Records())
    before = dict(down.links)
    with pytest.raises(DuplicateNameError, match=r"plugging up into down: link 'log' .* 'up_log'"):
        down.plug(Upstream())
    assert down.links == before


@pytest.mark.requirement("plug.again")
def test_plugging_again_adds_to_the_links_that_are_there() -> None:
    up, down = Upstream(), Idle("down")
    down.plug(up, output_links=[], meta=True)
    assert told(down)["out"] == ("required_for_start",)
    down.plug(up, output_links=["out"], meta=False)
    down.plug(up)
    assert told(down) == {
        "up_live": ("inhibits_start",),
        "up_done": ("required_for_start",),
        "out": ("is_input", "required_for_start"),
        "log": ("is_input",),
    }


@pytest.mark.requirement("plug.again")
def test_plugging_adds_to_a_link_of_the_same_name_and_repository_that_was_made_by_hand() -> None:
    up, down = Upstream(), Idle("down")
    down.link("out", up.links["out"].repo, is_output=True, inhibits_start=True)
    down.plug(up)
    link = down.links["out"]
    assert (link.is_input, link.is_output, link.inhibits_start, link.required_for_start) == (True,) * 4
    assert "up_out" not in down.links


@pytest.mark.requirement("plug.again", "plug.translator")
def test_plugging_again_by_the_same_translator_adds_and_by_another_links_again() -> None:
    up, down, translator = Upstream(), Idle("down"), Records()
    for _ in range(2):
        down.plug(up, output_links=["out"], translator=translator)
    assert list(down.links) == ["up_live", "up_done", "out"]
    with pytest.raises(DuplicateNameError):
        down.plug(up, translator=Records())


def test_two_tasks_with_outputs_of_one_name_can_be_plugged_into_one() -> None:
    one, two, down = Upstream("one"), Upstream("two"), Idle("down")
    down.plug(one)
    down.plug(two)
    assert down.links["out"].repo is one.links["out"].repo
    assert down.links["two_out"].repo is two.links["out"].repo
    assert {"one_done", "two_done", "one_live", "two_live"} < set(down.links)


def test_a_task_cannot_be_plugged_into_itself() -> None:
    up = Upstream()
    before = dict(up.links)
    with pytest.raises(DefinitionError, match="task up cannot be plugged into itself"):
        up.plug(up)
    assert up.links == before


@pytest.mark.requirement("plug.translator", "plug.translator-deletes", "plug.translator-prefetch")
@pytest.mark.parametrize(("deletes", "prefetch"), [(False, True), (True, False)])
def test_with_a_translator_all_links_are_views_by_it(deletes: bool, prefetch: bool) -> None:
    up, down, translator = Upstream(), Idle("down"), Records()
    down.plug(up, translator=translator, translate_allow_deletes=deletes, translate_prefetch_lookup=prefetch)
    assert told(down)["out"] == ("is_input", "required_for_start")
    for name, base in (("up_live", "live"), ("up_done", "done"), ("out", "out"), ("log", "log")):
        view = down.links[name].repo
        assert isinstance(view, TranslatedRepository)
        assert view.base is up.links[base].repo
        assert view.translator is translator
        assert (view.allow_deletes, view.prefetch_lookup) == (deletes, prefetch)


@pytest.mark.requirement("plug.translator", "ready.algebra")
async def test_a_translated_plug_is_ready_for_the_jobs_that_translate_to_done_ones() -> None:
    up, down, translator = Idle("up"), Idle("down"), Records({"a": "x", "b": "x", "c": "y", "d": "z"})
    up.link("out", Records(["x", "y"]), is_output=True)
    up.link("done", Records(["x", "z"]), required_for_output=True)
    own = Records(["b"])
    down.link("done", own, inhibits_start=True)
    down.plug(up, translator=translator)
    assert {job async for job in down.ready} == {"a"}


@given(
    links=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()), max_size=6),
    wanted=st.none() | st.sets(st.integers(0, 5)),
    meta=st.booleans(),
)
def test_plugging_follows_the_table_for_any_links(
    links: list[tuple[bool, bool, bool, bool]], wanted: set[int] | None, meta: bool
) -> None:
    up, down = Idle("up"), Idle("down")
    for i, (output, status, inhibits, required) in enumerate(links):
        up.link(
            f"l{i}",
            Plain(),
            is_output=output,
            is_status=status,
            inhibits_output=inhibits,
            required_for_output=required,
        )
    names = None if wanted is None else {f"l{i}" for i in wanted if i < len(links)}
    down.plug(up, names, meta)
    expected: dict[str, Any] = {}
    for i, (output, _, inhibits, required) in enumerate(links):
        is_input = output and (names is None or f"l{i}" in names)
        link = Link(
            up.links[f"l{i}"].repo,
            is_input=is_input,
            inhibits_start=meta and inhibits,
            required_for_start=required if meta else is_input,
        )
        if link.is_input or link.inhibits_start or link.required_for_start:
            expected[f"l{i}" if output else f"up_l{i}"] = link
    assert down.links == expected


def test_only_a_task_can_be_plugged() -> None:
    down = Idle("down")
    wrong: Any = Records()
    with pytest.raises(DefinitionError, match="task down can only be plugged into a task, not into a Records"):
        down.plug(wrong)


@pytest.mark.requirement("link.only-repositories")
def test_a_translator_that_is_no_repository_is_refused() -> None:
    down = Idle("down")
    wrong: Any = {"a": "b"}
    with pytest.raises(DefinitionError, match="plugging up into down: translator must be a repository"):
        down.plug(Upstream(), translator=wrong)
    assert down.links == {}
