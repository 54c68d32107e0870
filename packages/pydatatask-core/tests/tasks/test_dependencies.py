from __future__ import annotations

from collections.abc import Iterable

import pytest
from core_doubles import Equal, Plain, Records
from core_tasks import Idle
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.dependencies import Node
from pydatatask_core.tasks.task import Task


class Chain:
    """books -> count -> counts -> rank (by a translator) -> ranks, with a status and a lock beside."""

    def __init__(self) -> None:
        self.books, self.counts, self.ranks, self.done, self.lock, self.translator = (
            Records(name=name) for name in ("books", "counts", "ranks", "done", "lock", "translator")
        )
        self.count, self.rank = Idle("count"), Idle("rank")
        self.count.link("books", self.books, is_input=True)
        self.count.link("lock", self.lock, inhibits_start=True)
        self.count.link("counts", self.counts, is_output=True)
        self.count.link("done", self.done, is_status=True, inhibits_start=True, required_for_output=True)
        self.rank.plug(self.count, translator=self.translator)
        self.rank.link("ranks", self.ranks, is_output=True)
        self.pipeline = pipeline(self.count, self.rank)
        self.seen_counts, self.seen_done = self.rank.links["counts"].repo, self.rank.links["count_done"].repo


def pipeline(*tasks: Task) -> Pipeline:
    return Pipeline(tasks, Session())


def names(nodes: Iterable[Node]) -> list[str]:
    return [node.name if isinstance(node, Task) else node.describe() for node in nodes]


@pytest.mark.requirement("graph.nodes")
def test_tasks_and_repositories_are_the_nodes() -> None:
    chain, lonely = Chain(), Idle("lonely")
    graph = pipeline(chain.count, chain.rank, lonely).graph()
    assert set(graph.nodes) == {
        chain.count,
        chain.rank,
        lonely,
        chain.books,
        chain.counts,
        chain.ranks,
        chain.done,
        chain.lock,
        chain.translator,
        chain.seen_counts,
        chain.seen_done,
    }


@pytest.mark.requirement("graph.edges")
def test_an_edge_has_the_attributes_of_the_link_and_its_name() -> None:
    chain = Chain()
    edges = chain.pipeline.graph().edges
    assert edges[chain.books, chain.count] == {
        "link_name": "books",
        "is_input": True,
        "is_output": False,
        "is_status": False,
        "inhibits_start": False,
        "required_for_start": True,
        "inhibits_output": False,
        "required_for_output": False,
        "is_failure": False,
    }
    assert edges[chain.lock, chain.count]["inhibits_start"]
    assert edges[chain.count, chain.counts]["is_output"]
    assert edges[chain.count, chain.done]["link_name"] == "done"
    assert edges[chain.seen_counts, chain.rank]["link_name"] == "counts"
    assert edges[chain.counts, chain.seen_counts] == {}
    assert edges[chain.translator, chain.seen_counts] == {}
    assert (chain.done, chain.count) not in edges


@pytest.mark.requirement("graph.edges")
def test_links_between_the_same_nodes_make_one_edge_with_the_dispositions_of_all() -> None:
    task, repository = Idle("task"), Plain()
    task.link("input", repository, is_input=True)
    task.link("lock", repository, inhibits_start=True, required_for_start=True)
    task.link("same", repository, is_output=True)
    edges = pipeline(task).graph().edges
    assert set(edges) == {(repository, task), (task, repository)}
    edge = edges[repository, task]
    assert (edge["link_name"], edge["is_input"], edge["inhibits_start"]) == ("input", True, True)


@pytest.mark.requirement("graph.dependants")
def test_a_node_comes_first_then_what_depends_on_it_directly() -> None:
    chain = Chain()
    assert names(chain.pipeline.dependants(chain.books, recursive=False)) == ["books", "count"]
    assert names(chain.pipeline.dependants(chain.count, recursive=False)) == ["count", "counts", "done"]
    assert names(chain.pipeline.dependants(chain.ranks, recursive=False)) == ["ranks"]


@pytest.mark.requirement("graph.dependants", "graph.dependants-translated")
def test_with_recursive_the_data_is_followed_through_views_and_each_node_is_named_once() -> None:
    chain = Chain()
    found = list(chain.pipeline.dependants(chain.books, recursive=True))
    assert found[:4] == [chain.books, chain.count, chain.counts, chain.done]
    assert set(found[4:]) == {chain.seen_counts, chain.seen_done, chain.rank, chain.ranks}
    assert len(found) == len(set(found))


@pytest.mark.requirement("graph.dependants-translated")
def test_what_a_translator_says_is_data_too() -> None:
    chain = Chain()
    found = set(chain.pipeline.dependants(chain.translator, recursive=True))
    assert found == {chain.translator, chain.seen_counts, chain.seen_done, chain.rank, chain.ranks}


@pytest.mark.requirement("graph.dependants")
def test_what_only_keeps_a_task_from_starting_has_no_dependants() -> None:
    chain = Chain()
    assert names(chain.pipeline.dependants(chain.lock, recursive=True)) == ["lock"]


def test_a_repository_that_the_pipeline_does_not_know_has_none_either() -> None:
    stranger = Plain()
    assert list(Chain().pipeline.dependants(stranger, recursive=True)) == [stranger]


def test_views_of_views_are_followed_to_the_bottom() -> None:
    base, task = Records(name="base"), Idle("task")
    middle = TranslatedRepository(base.map(str), Records())
    task.link("outer", middle.map(str), is_input=True)
    assert pipeline(task).graph().has_edge(base, middle.base)
    assert list(pipeline(task).dependants(base, recursive=True))[-1] is task


def test_repositories_that_compare_equal_are_distinguished_by_dependants() -> None:
    one, two, first, second = Equal(), Equal(), Idle("first"), Idle("second")
    first.link("x", one, is_input=True)
    second.link("x", two, is_input=True)
    assert list(pipeline(first, second).dependants(one, recursive=True)) == [one, first]


@pytest.mark.requirement("graph.dependants")
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=15))
def test_dependants_are_what_can_be_reached_along_the_data(links: list[tuple[int, int, bool]]) -> None:
    tasks, repositories = [Idle(f"t{i}") for i in range(6)], [Records(name=f"r{i}") for i in range(6)]
    nodes: list[Node] = [*tasks, *repositories]
    reachable = {node: {node} for node in nodes}
    for number, (i, j, is_output) in enumerate(links):
        tasks[i].link(f"l{number}", repositories[j], is_output=is_output, is_input=not is_output)
    for _ in range(12):  # as many as there are nodes
        for i, j, is_output in links:
            pair: tuple[Node, Node] = (tasks[i], repositories[j])
            source, target = pair if is_output else pair[::-1]
            for reached in reachable.values():
                if source in reached:
                    reached.add(target)
    whole = pipeline(*tasks)
    for node, expected in reachable.items():
        found = list(whole.dependants(node, recursive=True))
        assert found[0] is node
        assert set(found) == expected
        assert len(found) == len(expected)
