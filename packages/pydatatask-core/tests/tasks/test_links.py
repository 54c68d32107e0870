from __future__ import annotations

from typing import Any

import pytest
from core_doubles import Equal, Plain, Records
from core_tasks import Idle
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.errors import DefinitionError, DuplicateNameError, InvalidNameError
from pydatatask_core.repositories.readiness import ReadyRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link
from pydatatask_core.tasks.task import Task

DISPOSITIONS = (
    "is_input",
    "is_output",
    "is_status",
    "inhibits_start",
    "required_for_start",
    "inhibits_output",
    "required_for_output",
)
MAPPINGS = dict(zip(DISPOSITIONS, ("input", "output", "status", *DISPOSITIONS[3:]), strict=True))
GOOD_NAMES = ["a", "_", "A1", "with-dash_and_underscore", "x" * 200]
BAD_NAMES = ["", "1a", "-a", "a.b", "a b", "a/b", "a\n", "é", "a:b", "\N{ARABIC-INDIC DIGIT ONE}a"]


def linked(**dispositions: Any) -> Link:
    task = Idle("task")
    task.link("x", Plain(), **dispositions)
    return task.links["x"]


@pytest.mark.requirement("names.task-name-rule")
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_task_is_not_called_what_could_not_become_a_path_or_a_pod_name(name: str) -> None:
    with pytest.raises(InvalidNameError, match="name of a task") as caught:
        Idle(name)
    assert repr(name) in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.requirement("names.link-name-rule")
@pytest.mark.parametrize("name", BAD_NAMES)
def test_nor_is_a_link(name: str) -> None:
    task = Idle("task")
    with pytest.raises(InvalidNameError, match="name of a link") as caught:
        task.link(name, Plain())
    assert isinstance(caught.value, ValueError)
    assert not task.links


@pytest.mark.requirement("names.task-name-rule", "names.link-name-rule")
@pytest.mark.parametrize("name", GOOD_NAMES)
def test_names_of_letters_digits_underscores_and_hyphens_are_good(name: str) -> None:
    task = Idle(name)
    task.link(name, Plain())
    assert (task.name, *task.links) == (name, name)


@pytest.mark.requirement("names.task-attributes")
def test_a_task_has_the_attributes_that_the_contract_names() -> None:
    task = Idle("task")
    assert (task.name, task.links, task.disabled, task.synchronous, task.metadata) == ("task", {}, False, False, True)
    assert Idle("off", disabled=True).disabled
    assert repr(task) == "<Idle task>"


@pytest.mark.requirement("names.task-attributes", "names.link-repo-identity")
def test_links_are_kept_in_order_and_hold_the_very_repository() -> None:
    task, repositories = Idle("task"), {name: Plain() for name in "cab"}
    for name, repository in repositories.items():
        task.link(name, repository)
    assert list(task.links) == ["c", "a", "b"]
    assert all(link.repo is repositories[name] for name, link in task.links.items())


@pytest.mark.requirement("link.name-taken")
def test_the_name_of_a_link_is_taken_once() -> None:
    task, first = Idle("task"), Plain()
    task.link("x", first)
    with pytest.raises(DuplicateNameError, match=r"task task has a link named 'x'"):
        task.link("x", Plain())
    assert task.links["x"].repo is first


@pytest.mark.requirement("link.defaults")
def test_an_input_is_required_to_start_and_an_output_to_go_on_unless_it_is_said_otherwise() -> None:
    bare = linked()
    assert not any(getattr(bare, name) for name in DISPOSITIONS)
    assert linked(is_input=True).required_for_start
    assert not linked(is_input=True).required_for_output
    assert not linked(is_input=True, required_for_start=False).required_for_start
    assert linked(required_for_start=True).required_for_start
    assert linked(is_output=True).required_for_output
    assert not linked(is_output=True).required_for_start
    assert not linked(is_output=True, required_for_output=False).required_for_output
    assert linked(required_for_output=True).required_for_output


@pytest.mark.requirement("link.mappings", "link.defaults")
@given(st.lists(st.fixed_dictionaries({name: st.booleans() for name in DISPOSITIONS})))
def test_the_seven_mappings_give_the_links_that_are_so_marked(links: list[dict[str, bool]]) -> None:
    task = Idle("task")
    repositories = [Plain() for _ in links]
    for i, dispositions in enumerate(links):
        task.link(f"l{i}", repositories[i], **dispositions)
    for disposition, mapping in MAPPINGS.items():
        expected = {f"l{i}": repositories[i] for i, link in enumerate(links) if link[disposition]}
        assert getattr(task, mapping) == expected
        assert list(getattr(task, mapping)) == list(expected)


@pytest.mark.requirement("ready.algebra")
@given(st.lists(st.sets(st.sampled_from("abcd"))), st.lists(st.sets(st.sampled_from("abcd"))))
async def test_ready_is_in_all_that_is_required_and_in_nothing_that_inhibits(
    required: list[set[str]], inhibiting: list[set[str]]
) -> None:
    task = Idle("task")
    for i, jobs in enumerate(required):
        task.link(f"required{i}", Records(jobs), is_input=True)
    for i, jobs in enumerate(inhibiting):
        task.link(f"inhibiting{i}", Records(jobs), inhibits_start=True)
    expected = set.intersection(*required) - set().union(*inhibiting) if required else set()
    assert {job async for job in task.ready} == expected
    assert {job for job in "abcd" if await task.ready.contains(job)} == expected
    assert task.never_ready == (not required)


@pytest.mark.requirement("ready.override")
def test_a_ready_repository_that_is_given_is_what_ready_returns() -> None:
    ready = Plain()
    task = Idle("task", ready=ready)
    task.link("x", Records(), is_input=True)
    assert task.ready is ready
    assert not task.never_ready
    assert not Idle("without", ready=ready).never_ready


def parts(task: Task) -> list[Repository]:
    assert isinstance(task.ready, ReadyRepository)
    return list(task.ready.parts())


def test_ready_follows_the_links_but_is_the_same_object_while_they_are_the_same() -> None:
    task, a, b = Idle("task"), Plain(), Plain()
    task.link("a", a, is_input=True)
    first = task.ready
    assert task.ready is first
    task.link("b", b, inhibits_start=True)
    assert parts(task) == [a, b]
    del task.links["b"]
    assert parts(task) == [a]
    task.links["a"] = Link(b, required_for_start=True)
    assert parts(task) == [b]


def test_repositories_that_compare_equal_are_not_taken_for_one_another() -> None:
    task, a, b = Idle("task"), Equal(), Equal()
    task.link("a", a, is_input=True)
    assert parts(task)[0] is a
    task.links["a"] = Link(b, required_for_start=True)
    assert parts(task)[0] is b


@pytest.mark.requirement("link.only-repositories")
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"a": 1}, "not an object of type dict; FileRepository, InProcessMetadataRepository and others make one"),
        ("./books", "not an object of type str"),
        (Records, "not the class Records; call it to make one"),
        (Idle("other"), r"not the task other; plug it to have its outputs as inputs: task\.plug\(other\)"),
    ],
)
def test_what_is_no_repository_is_not_linked(wrong: Any, told: str) -> None:
    task = Idle("task")
    with pytest.raises(DefinitionError, match=f"task task: link 'books' must be a repository, {told}"):
        task.link("books", wrong, is_input=True)
    assert task.links == {}
