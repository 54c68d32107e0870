"""Combinators nested at random agree with sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core import ReadyRepository, Repository
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.repositories.repository import DIRECT
from pydatatask_storage import (
    AggregateAndRepository,
    AggregateOrRepository,
    BlockingRepository,
    InProcessMetadataRepository,
    RelatedItemRepository,
)

JOBS = "abcdefgh"
Sets = frozenset[str]


class Lister(InProcessMetadataRepository):
    """Has its own idea of what to list, and no contains of its own."""

    def __init__(self, jobs: Sets) -> None:
        super().__init__(dict.fromkeys(jobs))


class Knower(InProcessMetadataRepository):
    """Lists more than it contains, and so has to be asked."""

    def __init__(self, jobs: Sets) -> None:
        super().__init__(dict.fromkeys(JOBS))
        self.jobs = jobs

    @override
    async def contains(self, item: str) -> bool:
        return item in self.jobs


class Repeater(InProcessMetadataRepository):
    """Lists each job twice."""

    def __init__(self, jobs: Sets) -> None:
        super().__init__(dict.fromkeys(jobs))

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in [*self.data, *self.data]:
            yield job


class Worded(InProcessMetadataRepository):
    """Has infos that cannot be job ids."""

    @override
    async def info(self, job: str) -> str:
        return f"no id: {job}"


Leaf = type[Lister] | type[Knower] | type[Repeater]


@dataclass(frozen=True)
class Expression:
    """A repository, and the set that it should be."""

    text: str
    repository: Repository
    jobs: Sets

    @override
    def __repr__(self) -> str:
        return f"{self.text} = {''.join(sorted(self.jobs))}"


def leaf(kind: Leaf, jobs: Sets) -> Expression:
    return Expression(f"{kind.__name__}({''.join(sorted(jobs))})", kind(jobs), jobs)


def either(a: Expression, b: Expression) -> Expression:
    return Expression(f"({a.text} | {b.text})", AggregateOrRepository(a=a.repository, b=b.repository), a.jobs | b.jobs)


def both(a: Expression, b: Expression) -> Expression:
    return Expression(f"({a.text} & {b.text})", AggregateAndRepository(a=a.repository, b=b.repository), a.jobs & b.jobs)


def without(enumerating: bool) -> Callable[[Expression, Expression], Expression]:
    def combine(a: Expression, b: Expression) -> Expression:
        blocking = BlockingRepository(a.repository, b.repository, enumerate_unless=enumerating)
        return Expression(f"({a.text} - {b.text})", blocking, a.jobs - b.jobs)

    return combine


def ready(a: Expression, b: Expression) -> Expression:
    repository = ReadyRepository([a.repository], [b.repository])
    return Expression(f"ready({a.text}, {b.text})", repository, a.jobs - b.jobs)


def rotated(prefetch: bool) -> Callable[[Expression], Expression]:
    """Translate each job to the next, but the last one to none."""
    following = dict(pairwise(JOBS))

    def translate(a: Expression) -> Expression:
        translator = InProcessMetadataRepository(dict(following))
        repository = RelatedItemRepository(a.repository, translator, prefetch_lookup=prefetch)
        return Expression(
            f"related({a.text})", repository, frozenset(job for job in following if following[job] in a.jobs)
        )

    return translate


def astray(a: Expression) -> Expression:
    """Translate each job to what cannot be a job id."""
    translator = Worded(dict.fromkeys(JOBS))
    return Expression(f"astray({a.text})", RelatedItemRepository(a.repository, translator), frozenset())


def mapped(a: Expression) -> Expression:
    return Expression(f"map({a.text})", a.repository.map(str), a.jobs)


def filtered(a: Expression) -> Expression:
    async def is_vowel(job: str) -> bool:
        return job in "ae"

    return Expression(f"filter({a.text})", a.repository.map(str, is_vowel), a.jobs & {"a", "e"})


LEAVES = st.builds(leaf, st.sampled_from([Lister, Knower, Repeater]), st.frozensets(st.sampled_from(JOBS)))
BINARY = st.sampled_from([either, both, without(True), without(False), ready])
UNARY = st.sampled_from([rotated(True), rotated(False), astray, mapped, filtered])


def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    pairs = st.tuples(BINARY, inner, inner).map(lambda parts: parts[0](parts[1], parts[2]))
    return pairs | st.tuples(UNARY, inner).map(lambda parts: parts[0](parts[1]))


EXPRESSIONS = st.recursive(LEAVES, grow, max_leaves=6)


@pytest.mark.requirement("aggregate.or-contains", "aggregate.and-contains", "blocking.contains", "ready.algebra")
@given(EXPRESSIONS, st.frozensets(st.sampled_from([*JOBS, "absent", "no-id"])))
def test_combinators_agree_with_sets(expression: Expression, asked: Sets) -> None:
    async def check() -> None:
        repository = expression.repository
        assert await listed(DIRECT, repository) == expression.jobs
        assert {job for job in [*JOBS, "absent", "no-id"] if await repository.contains(job)} == expression.jobs
        assert await repository.contained(asked) == expression.jobs & asked
        assert await DIRECT.members(repository, asked) == expression.jobs & asked

    asyncio.run(check())


@given(EXPRESSIONS)
def test_iteration_yields_each_job_once(expression: Expression) -> None:
    async def check() -> None:
        jobs = [job async for job in expression.repository]
        assert len(jobs) == len(set(jobs)) or isinstance(expression.repository, Repeater)
        if not isinstance(expression.repository, Knower):
            assert set(jobs) == expression.jobs
            assert await expression.repository.keys() == expression.jobs

    asyncio.run(check())


@pytest.mark.requirement("repo.info-all")
@given(EXPRESSIONS)
def test_there_is_an_info_of_each_job_and_of_no_other(expression: Expression) -> None:
    async def check() -> None:
        repository = expression.repository
        infos = {job: await repository.info(job) for job in expression.jobs}
        if not isinstance(repository, Knower):
            assert await repository.info_all() == infos

    asyncio.run(check())
