"""A script with a pipeline to mount, whose jobs are objects of S3; the environment names the server."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

import pydatatask
from integration.fuse_pipeline import Quiet

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

ENDPOINT, BUCKET, KEY, SECRET = (f"PYDATATASK_TEST_FUSE_{name}" for name in ("ENDPOINT", "BUCKET", "KEY", "SECRET"))

session = pydatatask.Session()


@session.resource
async def client() -> AsyncGenerator[S3Client, None]:
    """The connection to the server."""
    async with get_session().create_client(
        "s3",
        endpoint_url=os.environ[ENDPOINT],
        aws_access_key_id=os.environ[KEY],
        aws_secret_access_key=os.environ[SECRET],
        region_name="us-east-1",
        config=AioConfig(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20),
    ) as connected:
        yield connected


work = Quiet("work")
work.link("blobs", pydatatask.S3BucketRepository(client, os.environ.get(BUCKET, ""), "blobs/", ".bin"), is_input=True)
work.link(
    "records", pydatatask.YamlMetadataS3Repository(client, os.environ.get(BUCKET, ""), "records/"), is_output=True
)
pipeline = pydatatask.Pipeline([work], session)

if __name__ == "__main__":
    pydatatask.main(pipeline)
