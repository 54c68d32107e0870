"""The contract suites find repositories that break the contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from core_doubles import Blobs
from core_own_repository import Own
from typing_extensions import override

from pydatatask_core.streams.byte_streams import AWriteStream
from pydatatask_core.testing import BlobContract, RepositoryContract, UnfinishedWriterTests


class OwnSuite(RepositoryContract[Own]):
    def __init__(self, faulty: type[Own]) -> None:
        self.faulty = faulty

    @override
    async def make_repository(self) -> Own:
        return self.faulty()

    @override
    async def put(self, repository: Own, job: str) -> None:
        repository.store[job] = job

    @override
    async def raw_keys(self, repository: Own) -> set[str]:
        return set(repository.store)


class Doubling(Own):
    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in [*self.store, *self.store]:
            yield job


class ListingInvalidIds(Own):
    @override
    async def keys(self) -> AbstractSet[str]:
        return set(self.store)


class ContainingInvalidIds(Own):
    @override
    async def contains(self, item: str) -> bool:
        return item in self.store


class RefusingToDeleteTheAbsent(Own):
    @override
    async def delete(self, job: str) -> None:
        del self.store[job]


class TellingOfInvalidIds(Own):
    @override
    async def info(self, job: str) -> Any:
        return None


class BypassingSubclasses(Own):
    @override
    async def keys(self) -> AbstractSet[str]:
        return self.filter_keys(self.store)


class NeverChanging(Own):
    @override
    async def revision(self) -> Hashable:
        return "the same"


@pytest.mark.parametrize(
    ("faulty", "test"),
    [
        (Doubling, "test_iterating_yields_the_jobs_that_are_there_each_once"),
        (ListingInvalidIds, "test_the_bulk_listings_agree_with_iteration"),
        (ContainingInvalidIds, "test_what_is_no_job_id_is_not_contained_though_the_store_has_it"),
        (TellingOfInvalidIds, "test_info_of_what_is_no_job_id_is_a_key_error_that_names_it"),
        (RefusingToDeleteTheAbsent, "test_deleting_an_absent_job_succeeds"),
        (RefusingToDeleteTheAbsent, "test_deleting_what_is_no_job_id_does_nothing"),
        (BypassingSubclasses, "test_an_overridden_listing_is_obeyed"),
        (NeverChanging, "test_a_revision_differs_once_the_jobs_have_changed"),
        (NeverChanging, "test_an_overridden_contains_is_obeyed"),
    ],
)
async def test_a_repository_that_breaks_the_contract_is_found(faulty: type[Own], test: str) -> None:
    await getattr(OwnSuite(Own), test)()
    with pytest.raises((AssertionError, KeyError, pytest.fail.Exception)):
        await getattr(OwnSuite(faulty), test)()


class BlobSuite(BlobContract[Blobs]):
    def __init__(self, faulty: type[Blobs]) -> None:
        self.faulty = faulty

    @override
    async def make_repository(self) -> Blobs:
        return self.faulty()

    @override
    async def put_raw(self, repository: Blobs, job: str, data: bytes) -> None:
        repository.data[job] = data

    @override
    async def get_raw(self, repository: Blobs, job: str) -> bytes | None:
        return repository.data.get(job)

    @override
    async def raw_keys(self, repository: Blobs) -> set[str]:
        return set(repository.data)


class WritingThrough(Blobs):
    """Shows a value while it is being written."""

    @override
    async def open_writer(self, job: str) -> Any:
        self.data[job] = b""
        return await super().open_writer(job)


class CommittingAlways(Blobs):
    """Commits what was written, however its writer is left."""

    @override
    async def open_writer(self, job: str) -> Any:
        return _Committing(await super().open_writer(job))


class _Committing:
    def __init__(self, stream: AWriteStream) -> None:
        self.stream = stream

    async def __aenter__(self) -> AWriteStream:
        return self.stream

    async def __aexit__(self, *args: object) -> None:
        await self.stream.close()

    async def write(self, data: bytes) -> None:
        await self.stream.write(data)


@pytest.mark.parametrize(
    ("faulty", "test"),
    [
        (WritingThrough, UnfinishedWriterTests.test_a_value_becomes_visible_when_its_writer_is_closed),
        (WritingThrough, UnfinishedWriterTests.test_a_writer_left_by_an_exception_leaves_no_trace),
        (CommittingAlways, UnfinishedWriterTests.test_a_writer_left_by_an_exception_leaves_no_trace),
        (CommittingAlways, UnfinishedWriterTests.test_a_writer_cancelled_between_two_writes_leaves_no_trace),
    ],
)
async def test_a_blob_repository_that_breaks_the_contract_is_found(faulty: type[Blobs], test: Any) -> None:
    await test(BlobSuite(Blobs), 10)
    with pytest.raises(AssertionError):
        await test(BlobSuite(faulty), 10)


def test_a_suite_without_its_hooks_is_refused_rather_than_passed_over() -> None:
    with pytest.raises(TypeError, match=r"^TestOwn must define put, raw_keys, or pytest runs none of its tests$"):

        class TestOwn(RepositoryContract[Own]):
            @override
            async def make_repository(self) -> Own:
                return Own()
