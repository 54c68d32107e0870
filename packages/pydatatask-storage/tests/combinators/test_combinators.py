from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from typing_extensions import override

from pydatatask_core import Repository
from pydatatask_core.errors import DefinitionError, InvalidJobIdError
from pydatatask_storage import (
    AggregateAndRepository,
    AggregateOrRepository,
    BlockingRepository,
    InProcessMetadataRepository,
    RelatedItemRepository,
    YamlMetadataRepository,
)
from pydatatask_storage.memory.blobs import InProcessBlobRepository

AGGREGATES = pytest.mark.parametrize("kind", [AggregateOrRepository, AggregateAndRepository])
Aggregate = type[AggregateOrRepository] | type[AggregateAndRepository]


class Counting(InProcessMetadataRepository):
    """Counts how it is asked."""

    def __init__(self, *jobs: str) -> None:
        super().__init__({job: f"info of {job}" for job in jobs})
        self.asked: Counter[str] = Counter()

    @override
    async def contains(self, item: str) -> bool:
        self.asked["contains"] += 1
        return await super().contains(item)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        self.asked["list"] += 1
        async for job in super().unfiltered_iter():
            yield job


class Dashed(InProcessMetadataRepository):
    CHARSET = InProcessMetadataRepository.CHARSET + "-"


class YamlInMemory(YamlMetadataRepository, InProcessBlobRepository):
    """Raises an error for the info of an absent job."""


def memory(*jobs: str) -> InProcessMetadataRepository:
    return InProcessMetadataRepository({job: f"info of {job}" for job in jobs})


@AGGREGATES
@pytest.mark.requirement("aggregate.no-children")
def test_an_aggregate_of_nothing_is_refused(kind: Aggregate) -> None:
    with pytest.raises(DefinitionError, match="child"):
        kind()


@AGGREGATES
def test_children_may_have_any_name(kind: Aggregate) -> None:
    children: dict[str, Repository] = {"self": memory(), "children": memory(), "cls": memory()}
    repository = kind(**children)
    assert repository.children == children
    assert repository.parts() == tuple(children.values())


@pytest.mark.requirement("aggregate.or-contains", "aggregate.no-doubles")
async def test_or_contains_what_any_child_contains() -> None:
    repository = AggregateOrRepository(a=memory("first", "both"), b=memory("second", "both"))
    assert sorted([job async for job in repository]) == ["both", "first", "second"]
    answers = {job: await repository.contains(job) for job in ("first", "second", "both", "neither")}
    assert answers == {"first": True, "second": True, "both": True, "neither": False}
    assert await repository.contained({"first", "second", "neither"}) == {"first", "second"}


@pytest.mark.requirement("aggregate.and-contains", "aggregate.no-doubles")
async def test_and_contains_what_all_children_contain() -> None:
    repository = AggregateAndRepository(a=memory("first", "both"), b=memory("second", "both"))
    assert [job async for job in repository] == ["both"]
    answers = {job: await repository.contains(job) for job in ("first", "second", "both", "neither")}
    assert answers == {"first": False, "second": False, "both": True, "neither": False}
    assert await repository.contained({"first", "both"}) == {"both"}


@AGGREGATES
@pytest.mark.requirement("aggregate.info")
async def test_the_info_is_that_of_each_child(kind: Aggregate) -> None:
    repository = kind(a=memory("first"), b=memory("first", "second"))
    assert await repository.info("first") == {"a": "info of first", "b": "info of first"}
    assert await repository.info("second") == {"a": None, "b": "info of second"}
    infos = await repository.info_all()
    assert infos == {job: await repository.info(job) for job in await repository.keys()}


async def test_a_child_that_has_nothing_to_tell_does_not_spoil_the_info_of_the_union() -> None:
    repository = AggregateOrRepository(
        records=YamlInMemory({"first": b"1"}),
        related=RelatedItemRepository(memory("target"), InProcessMetadataRepository({"second": "target"})),
        dashed=Dashed({"a-b": 3}),
    )
    expected = {
        "first": {"records": 1, "related": None, "dashed": None},
        "second": {"records": None, "related": "info of target", "dashed": None},
        "a-b": {"records": None, "related": None, "dashed": 3},
    }
    assert await repository.info_all() == expected
    assert {job: await repository.info(job) for job in expected} == expected


@AGGREGATES
@pytest.mark.requirement("aggregate.delete")
async def test_deleting_deletes_from_all_children(kind: Aggregate) -> None:
    a, b = memory("first", "second", "third"), memory("second", "first")
    repository = kind(a=a, b=b)
    await repository.delete("first")
    assert (set(a.data), set(b.data)) == ({"second", "third"}, {"second"})
    await repository.delete_many(["second", "third"])
    assert (set(a.data), set(b.data)) == (set(), set())


@pytest.mark.requirement("combinators.subclass-charset")
async def test_the_rule_of_a_child_for_ids_holds_inside_combinators() -> None:
    dashed, plain = Dashed({"a-b": 1, "first": 1, "a_b": 1}), memory("first", "a-b", "c-d")
    union = AggregateOrRepository(dashed=dashed, plain=plain)
    assert await union.keys() == {job async for job in union} == {"a-b", "first"}
    assert await union.contains("a-b")
    assert not await union.contains("c-d")
    both = AggregateAndRepository(dashed=dashed, plain=plain)
    assert await both.keys() == {job async for job in both} == {"first"}
    assert not await both.contains("a-b")
    with pytest.raises(InvalidJobIdError):
        await both.info("a-b")
    blocking = BlockingRepository(dashed, memory("first"))
    assert await blocking.keys() == {job async for job in blocking} == {"a-b"}
    assert await blocking.contains("a-b")
    assert await blocking.info("a-b") == 1


@pytest.mark.requirement("blocking.contains")
@pytest.mark.parametrize("enumerate_unless", [True, False])
async def test_blocking_contains_what_the_source_contains_and_the_other_does_not(enumerate_unless: bool) -> None:
    repository = BlockingRepository(memory("first", "both"), memory("second", "both"), enumerate_unless)
    assert [job async for job in repository] == ["first"]
    answers = {job: await repository.contains(job) for job in ("first", "second", "both", "neither")}
    assert answers == {"first": True, "second": False, "both": False, "neither": False}
    assert await repository.contained({"first", "second", "both"}) == {"first"}
    assert await repository.info_all() == {"first": "info of first"}


@pytest.mark.requirement("blocking.per-job")
async def test_blocking_asks_about_each_job_where_the_other_must_not_be_listed() -> None:
    source, unless = Counting("first", "both"), Counting("second", "both")
    repository = BlockingRepository(source, unless, enumerate_unless=False)
    assert await repository.keys() == {"first"}
    assert [job async for job in repository] == ["first"]
    assert unless.asked == {"contains": 4}


async def test_blocking_lists_the_other_once_where_it_may() -> None:
    class Listed(Counting):
        @override
        async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
            async for job in super().unfiltered_iter():
                yield job

    unless = Listed("second", "both")
    repository = BlockingRepository(memory("first", "both"), unless)
    assert await repository.keys() == {"first"}
    assert unless.asked == {"list": 1}


@pytest.mark.requirement("blocking.source")
async def test_blocking_has_the_info_of_its_source_and_deletes_from_it_only() -> None:
    source, unless = memory("first", "both"), InProcessMetadataRepository({"both": "other", "first2": "x"})
    repository = BlockingRepository(source, unless)
    assert await repository.info("both") == "info of both"
    await repository.delete("both")
    await repository.delete_many(["first", "first2"])
    assert (set(source.data), set(unless.data)) == (set(), {"both", "first2"})
    assert repository.parts() == (source, unless)
    assert repository.sources() == (source,)


async def test_the_revision_of_a_combinator_changes_with_that_of_any_part() -> None:
    parts = [InProcessMetadataRepository(), InProcessMetadataRepository()]
    a, b = parts
    for repository in (AggregateOrRepository(a=a, b=b), AggregateAndRepository(a=a, b=b), BlockingRepository(a, b)):
        seen = [await repository.revision()]
        for number, part in enumerate(parts):
            part.data[f"{type(repository).__name__}{number}"] = None
            token = await repository.revision()
            assert token is not None
            assert token not in seen
            assert await repository.revision() == token
            seen.append(token)
    opaque: dict[str, Any] = {}
    assert await AggregateOrRepository(a=a, b=InProcessMetadataRepository(opaque)).revision() is None
