"""Tests of loading and dumping records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar, Final, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core.errors import InvalidJobIdError, JobNotFoundError, RecordTypeError
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.testing.hooks import RepositoryHooks
from pydatatask_core.testing.records import yaml_records

__all__ = ["RAISES", "MetadataHooks", "MetadataTests"]

M = TypeVar("M", bound=MetadataRepository)

RAISES: Final = JobNotFoundError
"""The value of :attr:`MetadataHooks.info_of_absent` for stores whose ``info`` of an absent job raises this error."""

_PER_CLASS = [HealthCheck.differing_executors, HealthCheck.function_scoped_fixture]


class MetadataHooks(RepositoryHooks[M]):
    """Side-door access to records."""

    info_of_absent: ClassVar[object] = RAISES
    """The result of ``info`` for an absent job, or :data:`RAISES`."""

    refused_records: ClassVar[Sequence[Any]] = (object(), {"nested": [object()]}, {"a": Exception("text")}, print)
    """Values that cannot be records."""

    @abstractmethod
    async def put_raw_record(self, repository: M, job: str, record: dict[str, Any]) -> None:
        """Put a record into the store by the side door.

        :param repository: The repository.
        :param job: The job, or one of :attr:`invalid_ids`.
        :param record: A mapping with text for keys and values.
        """

    @abstractmethod
    async def get_raw_record(self, repository: M, job: str) -> Any:
        """Return a job's record by the side door, or None if it has none.

        :param repository: The repository.
        :param job: The job.
        """

    @override
    async def put(self, repository: M, job: str) -> None:
        await self.put_raw_record(repository, job, {"value": f"of {job}"})

    def records(self) -> st.SearchStrategy[Any]:
        """Return a strategy of records that must survive a round trip; override it for a store that takes fewer."""
        return yaml_records()


class MetadataTests(MetadataHooks[M]):
    """Tests of loading and dumping records."""

    @pytest.mark.requirement("record.info-dump")
    async def test_dumping_and_loading_meet_the_store(self) -> None:
        repository = await self.make_repository()
        await repository.dump("first", {"one": "1", "two": "zwei"})
        assert await self.get_raw_record(repository, "first") == {"one": "1", "two": "zwei"}
        await self.put_raw_record(repository, "second", {"three": "3"})
        assert await repository.info("second") == {"three": "3"}
        assert await repository.info_all() == {"first": {"one": "1", "two": "zwei"}, "second": {"three": "3"}}

    @pytest.mark.requirement("record.info-dump", "record.yaml-types")
    @given(data=st.data())
    @settings(suppress_health_check=_PER_CLASS, max_examples=30)
    async def test_what_was_dumped_comes_back(self, data: st.DataObject) -> None:
        repository = await self.make_repository()
        record = data.draw(self.records())
        await repository.dump("first", record)
        assert await repository.info("first") == record
        assert await repository.info_all() == {"first": record}

    @pytest.mark.parametrize("offset", [timedelta(0), timedelta(hours=5, minutes=30), timedelta(hours=-8)])
    async def test_aware_times_come_back_aware(self, offset: timedelta) -> None:
        repository = await self.make_repository()
        moment = datetime(2024, 2, 29, 12, 30, 59, 123_000, timezone(offset))
        await repository.dump("first", {"time": moment})
        loaded = (await repository.info("first"))["time"]
        assert loaded.tzinfo is not None
        assert loaded.astimezone(UTC) == moment.astimezone(UTC)

    async def test_a_record_replaces_an_older_one_whole(self) -> None:
        repository = await self.make_repository()
        await self.put_raw_record(repository, "first", {"old": "value", "more": "of it"})
        await repository.dump("first", {"new": "value"})
        assert await self.get_raw_record(repository, "first") == {"new": "value"}
        assert await repository.info("first") == {"new": "value"}

    async def test_info_of_an_absent_job_is_as_the_store_promises(self) -> None:
        repository = await self.make_repository()
        if self.info_of_absent is RAISES:
            with pytest.raises(FileNotFoundError, match="'absent'"):
                await repository.info("absent")
        else:
            assert await repository.info("absent") == self.info_of_absent

    @pytest.mark.requirement("record.yaml-types", "record.visible-whole")
    async def test_what_cannot_be_a_record_is_a_type_error_that_names_the_job(self) -> None:
        repository = await self.make_repository()
        await self.put_raw_record(repository, "kept", {"old": "value"})
        for record in self.refused_records:
            for job in ("new", "kept"):
                with pytest.raises(RecordTypeError, match=f"'{job}'") as caught:
                    await repository.dump(job, record)
                assert isinstance(caught.value, TypeError)
        assert await self.raw_keys(repository) == {"kept"}
        assert await self.get_raw_record(repository, "kept") == {"old": "value"}
        assert await self.leftovers(repository) == []

    @pytest.mark.requirement("ids.write-invalid")
    async def test_dumping_under_what_is_no_job_id_is_a_key_error_that_names_it(self) -> None:
        repository = await self.make_repository()
        for job in ("", *self.invalid_ids):
            with pytest.raises(InvalidJobIdError) as caught:
                await repository.dump(job, {"some": "record"})
            assert repr(job) in str(caught.value)
        assert await self.raw_keys(repository) == set()

    async def test_a_deleted_record_is_gone(self) -> None:
        repository = await self.make_repository()
        await repository.dump("first", {"some": "record"})
        await repository.delete("first")
        if self.deletes:
            assert await self.get_raw_record(repository, "first") is None
            assert await repository.keys() == set()
