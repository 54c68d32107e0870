"""Blob repository over the objects of an S3 bucket, or of any server with the same interface."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from typing_extensions import override

from pydatatask_core.errors import JobNotFoundError, StoreError
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.repositories.blobs import StreamBlobRepository
from pydatatask_core.repositories.method_overrides import (
    DELETION,
    ID_RULES,
    LISTING,
    MEMBERSHIP,
    false_if_overridden,
    shortcut,
)
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_storage.missing_dot import warn_of_missing_dot
from pydatatask_storage.remote.concurrent_membership import ConcurrentMembership
from pydatatask_storage.remote.polling import NETWORK_INTERVAL
from pydatatask_storage.s3.answers import require_listing
from pydatatask_storage.s3.bucket import abort_stale_uploads, ensure_bucket
from pydatatask_storage.s3.bucket_info import S3BucketInfo
from pydatatask_storage.s3.deletion import ObjectDeletion
from pydatatask_storage.s3.errors import MissingBucketError, s3_errors
from pydatatask_storage.s3.objects import object_exists, object_size, open_object
from pydatatask_storage.s3.parts import PartPlan
from pydatatask_storage.s3.reader import S3Reader
from pydatatask_storage.s3.upload import S3Target
from pydatatask_storage.s3.writer import S3Writer

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import (
        ListObjectsV2OutputTypeDef,
        ListObjectsV2RequestTypeDef,
    )

__all__ = ["S3BucketRepository"]

_MOST_SINGLE_QUERIES = 1000
"""Up to how many jobs are looked up one by one; for more of them the bucket is listed."""

_log = logging.getLogger("pydatatask.repository")

T = TypeVar("T")


class S3BucketRepository(ConcurrentMembership, StreamBlobRepository):
    """A repository where keys are paths in an S3 bucket: the object of a job is prefix, job and suffix.

    Blobs are streamed in both directions with bounded memory. A writer's object appears atomically when the writer is
    closed; large blobs are sent as multipart uploads, which are aborted if they are not completed.

    :param client: A callable returning an aiobotocore S3 client connected and authenticated to the server you wish to
        store things on, such as a resource of a session.
    :param bucket: The name of the bucket from which to load and store.
    :param prefix: A prefix to put on the job name before translating it into a bucket path. If this is meant to be a
        directory name it should end with a slash character.
    :param suffix: A suffix to put on the job name before translating it into a bucket path. If this is meant to be a
        file extension it should start with a dot.
    :param mimetype: The MIME type to set the content when adding data.
    :param incluster_endpoint: Optional: An endpoint URL to provide as the result of :meth:`info` queries instead of
        extracting the URL from ``client``.
    """

    PARTS: ClassVar[PartPlan] = PartPlan()
    """How large blobs are cut into parts; a subclass may trade memory for speed."""

    asked_every = NETWORK_INTERVAL

    STALE_UPLOAD_AGE: ClassVar[timedelta] = timedelta(days=1)
    """How long an unfinished upload must have been idle before :meth:`validate` aborts it."""

    def __init__(
        self,
        client: Callable[[], S3Client],
        bucket: str,
        prefix: str = "",
        suffix: str = "",
        mimetype: str = "application/octet-stream",
        incluster_endpoint: str | None = None,
    ) -> None:
        self._client = client
        self.bucket = bucket
        self.prefix = prefix
        self.suffix = suffix
        self.mimetype = mimetype
        self.incluster_endpoint = incluster_endpoint
        self._deletion = ObjectDeletion()
        self._may_lack_bucket = False
        self._warned_of_bucket = False
        self._checked_suffix = False

    @property
    def client(self) -> S3Client:
        """The aiobotocore S3 client. This raises an error if the client comes from a session which is not opened."""
        return self._client()

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} s3://{self.bucket}/{self.prefix}*{self.suffix}"

    def object_name(self, job: str) -> str:
        """Return the object name for the given job.

        :param job: The job.
        """
        return f"{self.prefix}{job}{self.suffix}"

    def _uri(self, job: str) -> str:
        return f"s3://{self.bucket}/{self.object_name(job)}"

    @override
    async def validate(self) -> None:
        """Check that the bucket can be used; if it is to be written, create it where it is missing, in the client's
        region, and abort stale uploads.

        :raises MissingBucketError: The bucket is only read, and does not exist.
        :raises StoreError: The server refused, failed or cannot be reached.
        """
        access = validation_access.get()
        if not self._checked_suffix:
            self._checked_suffix = True
            warn_of_missing_dot(self, self.suffix)
        self._may_lack_bucket = access is Access.OBSERVE
        if access is Access.OBSERVE:
            return
        client = self.client
        await ensure_bucket(client, self.bucket, self.prefix, create=access is Access.WRITE)
        if access is Access.WRITE:
            await abort_stale_uploads(client, self.bucket, self.prefix, self._is_ours, self.STALE_UPLOAD_AGE)

    def _is_ours(self, key: str) -> bool:
        return any(self.admits(job) for job in self._jobs([key]))

    def _jobs(self, keys: Iterable[str]) -> list[str]:
        """Return the candidates for job ids among names of objects that begin with the prefix."""
        start, end = len(self.prefix), len(self.suffix)
        jobs = (key[start : len(key) - end] for key in keys if key.endswith(self.suffix))
        return [job for job in jobs if job]  # consoles make an object named like the prefix alone for a folder

    @false_if_overridden((*ID_RULES, "object_name"))
    def _has_no_slashes(self) -> bool:
        """Return whether no job's name can have a slash after the prefix, so that deeper names need not be listed."""
        return "/" not in self.suffix and "/" not in self.CHARSET

    async def _query(self, job: str, query: Callable[[S3Client, str, str], Awaitable[T]]) -> T | None:
        """Ask about an object; return None if the bucket is still to be created."""
        try:
            with s3_errors(self._uri(job)):
                return await query(self.client, self.bucket, self.object_name(job))
        except MissingBucketError as error:
            self._require_no_bucket(error)
            return None

    def _require_no_bucket(self, error: MissingBucketError) -> None:
        """Log that a bucket is missing and counts as empty; where it has to exist, raise the error."""
        if not self._may_lack_bucket:
            raise error
        if not self._warned_of_bucket:
            self._warned_of_bucket = True
            _log.warning(
                "the bucket s3://%s does not exist and counts as empty; a run creates only the buckets that it writes, "
                "so if this one should exist, check its name",
                self.bucket,
            )

    async def _pages(self) -> AsyncGenerator[list[str], None]:
        """List the bucket, page by page.

        The client's own paginators read a file on first use, which blocks the event loop.
        """
        request: ListObjectsV2RequestTypeDef = {"Bucket": self.bucket, "Prefix": self.prefix}
        if self._has_no_slashes():
            request["Delimiter"] = "/"
        client = self.client
        while True:
            try:
                with s3_errors(self.describe()):
                    page = await client.list_objects_v2(**request)
            except MissingBucketError as error:
                self._require_no_bucket(error)
                return
            require_listing(page, self.describe(), client.meta.endpoint_url)
            yield self._jobs(key for item in page.get("Contents", ()) if (key := item.get("Key")))
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = self._following(page, request.get("ContinuationToken"))

    def _following(self, page: ListObjectsV2OutputTypeDef, token: str | None) -> str:
        following = page.get("NextContinuationToken")
        if not following or following == token:
            raise StoreError(f"{self.describe()}: the server reports that the listing goes on, but not from where")
        return following

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        async for jobs in self._pages():
            for job in jobs:
                yield job

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return self.filter_keys([job async for jobs in self._pages() for job in jobs])

    @override
    async def contains(self, item: str) -> bool:
        """Determine whether the given job is present in this repository. An archived object is.

        :param item: The job; for a string that is not a valid id the result is False.
        :raises StoreError: The server refused, failed or cannot be reached.
        """
        return self.admits(item) and bool(await self._query(item, object_exists))

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        if len(jobs) <= _MOST_SINGLE_QUERIES:
            return await super().contained(jobs)
        return jobs & await self.keys()

    @override
    async def open_reader(self, job: str) -> AReadStream:
        body = await self._query(job, open_object)
        if body is None:
            raise JobNotFoundError(job, self.describe())
        return S3Reader(body, self._uri(job))

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        target = S3Target(self.client, self.bucket, self.object_name(job), self.mimetype)
        return S3Writer(job, target, self.PARTS)

    async def size(self, job: str) -> int:
        """Return how many bytes the object of a job has.

        :param job: The job.
        :raises JobNotFoundError: The job is not present.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        :raises StoreError: The server refused, failed or cannot be reached.
        """
        self.require_valid(job)
        size = await self._query(job, object_size)
        if size is None:
            raise JobNotFoundError(job, self.describe())
        return size

    @override
    async def info(self, job: str) -> Any:
        """Return an :class:`~pydatatask_storage.s3.bucket_info.S3BucketInfo` corresponding to the given job.

        :param job: The job, present or not.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        self.require_valid(job)
        endpoint = self.incluster_endpoint or self.client.meta.endpoint_url
        return S3BucketInfo(endpoint, self._uri(job), self.bucket, self.prefix, self.suffix)

    @override
    async def delete(self, job: str) -> None:
        if not self.admits(job):
            return
        try:
            with s3_errors(self._uri(job)):
                await self._deletion.delete(self.client, self.bucket, [self.object_name(job)], self._uri(job))
        except MissingBucketError as error:
            self._require_no_bucket(error)

    @override
    @shortcut(unless=DELETION)
    async def delete_many(self, jobs: Iterable[str]) -> None:
        keys = [self.object_name(job) for job in jobs if self.admits(job)]
        if not keys:
            return
        place = self.describe()
        try:
            with s3_errors(place):
                await self._deletion.delete(self.client, self.bucket, keys, place)
        except MissingBucketError as error:
            self._require_no_bucket(error)
