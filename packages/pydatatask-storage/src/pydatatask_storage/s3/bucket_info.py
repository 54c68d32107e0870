"""The info of a job in an S3 bucket, as templates get it."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

__all__ = ["S3BucketInfo"]


@dataclass(frozen=True, slots=True)
class S3BucketInfo:
    """The data structure returned from :meth:`pydatatask_storage.s3.repository.S3BucketRepository.info`."""

    endpoint: str
    """The URL of the API server providing the S3 interface."""

    uri: str
    """The S3 URI of the current job's resource, e.g. ``s3://bucket/prefix/job.ext``; ``str(info)`` is the same."""

    bucket: str
    """The name of the bucket objects are stored in."""

    prefix: str
    """How to prefix an object name such that it will fit into this repository."""

    suffix: str
    """How to suffix an object name such that it will fit into this repository."""

    @override
    def __str__(self) -> str:
        return self.uri
