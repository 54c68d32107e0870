"""What becomes of answers that the servers of the integration tests do not give."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ParamValidationError

from pydatatask_core.errors import StoreError, StoreRefusedError, StoreUnreachableError
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_storage import S3BucketRepository
from pydatatask_storage.s3.errors import MissingBucketError, s3_errors


def answer(code: str, status: int) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "what the server says"},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "SomeOperation",
    )


def elsewhere(code: str, status: int) -> ClientError:
    error = answer(code, status)
    error.response["ResponseMetadata"]["HTTPHeaders"] = {"x-amz-bucket-region": "eu-west-1"}
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (elsewhere("301", 301), "is in the region eu-west-1; create the client with that region"),
        (elsewhere("AuthorizationHeaderMalformed", 400), "is in the region eu-west-1"),
        (answer("RequestTimeTooSkewed", 403), "the clock of this machine is wrong"),
        (answer("InvalidAccessKeyId", 403), "look at the credentials"),
    ],
)
def test_an_error_says_what_to_do(error: ClientError, reason: str) -> None:
    with pytest.raises(StoreError, match=reason), s3_errors("s3://bucket"):
        raise error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer("AccessDenied", 403), StoreRefusedError),
        (answer("SomethingNew", 401), StoreRefusedError),
        (answer("ExpiredToken", 400), StoreRefusedError),
        (answer("NoSuchBucket", 404), MissingBucketError),
        (answer("InvalidObjectState", 403), StoreError),
        (answer("InternalError", 500), StoreError),
        (NoCredentialsError(), StoreRefusedError),
        (EndpointConnectionError(endpoint_url="http://me:secret@host/"), StoreUnreachableError),
        (TimeoutError(), StoreUnreachableError),
        (ConnectionResetError("reset"), StoreUnreachableError),
        (ParamValidationError(report="wrong"), StoreError),
    ],
)
def test_an_error_of_the_client_names_the_store(error: Exception, kind: type[StoreError]) -> None:
    with pytest.raises(StoreError, match="s3://bucket/key") as caught, s3_errors("s3://bucket/key"):
        raise error
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is (None if "secret" in str(error) else error)


def test_an_error_of_somebody_else_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), s3_errors("s3://bucket"):
        raise ZeroDivisionError


class FakeClient:
    """Answers as a test plans it, and keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.meta = type("Meta", (), {"region_name": "us-east-1", "endpoint_url": "http://host"})

    def __getattr__(self, operation: str) -> Any:
        async def ask(**request: Any) -> Any:
            self.asked.append((operation, request))
            planned = self.answers.get(operation, {})
            if isinstance(planned, Exception):
                raise planned
            return planned

        return ask

    def repository(self) -> S3BucketRepository:
        client: Any = self
        return S3BucketRepository(lambda: client, "bucket")


@pytest.mark.requirement("repo.delete-many")
class TestDeletingMany:
    JOBS = tuple(f"job{number}" for number in range(2500))

    async def test_asks_for_a_thousand_at_a_time(self) -> None:
        client = FakeClient()
        await client.repository().delete_many(self.JOBS)
        assert [operation for operation, _ in client.asked] == ["delete_objects"] * 3
        sizes = [len(request["Delete"]["Objects"]) for _, request in client.asked]
        assert sizes == [1000, 1000, 500]

    async def test_deletes_one_by_one_where_the_server_cannot_do_better(self) -> None:
        client = FakeClient(delete_objects=answer("NotImplemented", 501))
        await client.repository().delete_many(["a", "b"])
        assert [operation for operation, _ in client.asked] == ["delete_objects", "delete_object", "delete_object"]

    @pytest.mark.parametrize(("code", "kind"), [("AccessDenied", StoreRefusedError), ("InternalError", StoreError)])
    async def test_what_was_not_deleted_is_an_error(self, code: str, kind: type[StoreError]) -> None:
        failures = [{"Key": "a", "Code": code, "Message": "no"}, {"Key": "b", "Code": code, "Message": "no"}]
        client = FakeClient(delete_objects={"Errors": failures})
        with pytest.raises(StoreError, match="2 objects could not be deleted; a:") as caught:
            await client.repository().delete_many(["a", "b", "c"])
        assert type(caught.value) is kind


@pytest.mark.requirement("s3.validate-creates")
class TestValidate:
    async def test_somebody_else_may_create_the_bucket_first(self) -> None:
        client = FakeClient(
            list_objects_v2=answer("NoSuchBucket", 404), create_bucket=answer("BucketAlreadyOwnedByYou", 409)
        )
        await client.repository().validate()

    async def test_a_bucket_of_somebody_else_is_an_error(self) -> None:
        client = FakeClient(
            list_objects_v2=answer("NoSuchBucket", 404), create_bucket=answer("BucketAlreadyExists", 409)
        )
        with pytest.raises(StoreError, match="BucketAlreadyExists"):
            await client.repository().validate()

    async def test_a_refusal_does_not_create_it(self) -> None:
        client = FakeClient(list_objects_v2=answer("AccessDenied", 403))
        with pytest.raises(StoreRefusedError):
            await client.repository().validate()
        assert [operation for operation, _ in client.asked] == ["list_objects_v2"]

    @pytest.mark.requirement("s3.validate-input")
    async def test_a_bucket_that_is_only_read_is_not_created(self) -> None:
        client = FakeClient(list_objects_v2=answer("NoSuchBucket", 404))
        token = validation_access.set(Access.READ)
        try:
            with pytest.raises(MissingBucketError, match="check its name"):
                await client.repository().validate()
        finally:
            validation_access.reset(token)
        assert [operation for operation, _ in client.asked] == ["list_objects_v2"]

    @pytest.mark.requirement("file.no-op-warnings")
    async def test_a_suffix_without_its_dot_is_warned_about_once(self, caplog: pytest.LogCaptureFixture) -> None:
        client: Any = FakeClient(list_objects_v2={"KeyCount": 0})
        for suffix in ("txt", ".txt", "/data"):
            repository = S3BucketRepository(lambda: client, "bucket", "in/", suffix)
            await repository.validate()
            await repository.validate()
        (record,) = caplog.records
        assert "'txt' has no dot" in record.getMessage()

    @pytest.mark.requirement("s3.observed-missing-bucket")
    async def test_a_missing_bucket_is_empty_for_a_pipeline_that_is_only_looked_at(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        missing = answer("NoSuchBucket", 404)
        client = FakeClient(list_objects_v2=missing, get_object=missing, head_object=missing, delete_object=missing)
        repository = client.repository()
        token = validation_access.set(Access.OBSERVE)
        try:
            await repository.validate()
        finally:
            validation_access.reset(token)
        assert await repository.keys() == set()
        assert not await repository.contains("a")
        with pytest.raises(FileNotFoundError):
            await repository.open("a", "rb")
        await repository.delete("a")
        (record,) = caplog.records
        assert record.getMessage() == (
            "the bucket s3://bucket does not exist and counts as empty; a run creates only the buckets that it writes, "
            "so if this one should exist, check its name"
        )


@pytest.mark.requirement("s3.refused-listing")
@pytest.mark.parametrize("page", [{"IsTruncated": True}, {"IsTruncated": True, "NextContinuationToken": "same"}])
async def test_a_listing_that_cannot_go_on_is_an_error(page: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="the listing goes on"):
        await FakeClient(list_objects_v2=page).repository().keys()


async def test_many_jobs_are_looked_for_in_a_listing() -> None:
    listing = {"Contents": [{"Key": "job1"}, {"Key": "other"}]}
    client = FakeClient(list_objects_v2=listing)
    assert await client.repository().contained({f"job{number}" for number in range(1500)}) == {"job1"}
    assert len(client.asked) == 1


async def test_an_object_without_a_first_byte_is_there() -> None:
    assert await FakeClient(get_object=answer("InvalidRange", 416)).repository().contains("a")
