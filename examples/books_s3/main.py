"""Count the words of books in S3. The records of outcomes are in MongoDB, and the reports are files.

The environment names the servers and the credentials: BUCKET_ENDPOINT, BUCKET_USERNAME, BUCKET_PASSWORD and
MONGODB_URL. `demo.py` beside this file starts servers of its own and runs this script against them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydatatask

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorCollection
    from types_aiobotocore_s3.client import S3Client

REPORTS = Path(os.environ.get("BOOKS_REPORTS", Path(__file__).parent / "build" / "reports"))

session = pydatatask.Session()


@session.resource
async def bucket() -> AsyncGenerator[S3Client, None]:
    """Connect to the S3 server."""
    import aiobotocore.session

    async with aiobotocore.session.get_session().create_client(
        "s3",
        endpoint_url=os.environ["BUCKET_ENDPOINT"],
        aws_access_key_id=os.environ["BUCKET_USERNAME"],
        aws_secret_access_key=os.environ["BUCKET_PASSWORD"],
        region_name="us-east-1",
    ) as client:
        yield client


@session.resource
async def records() -> AsyncGenerator[AsyncIOMotorCollection[dict[str, Any]], None]:
    """Connect to the MongoDB server."""
    import motor.motor_asyncio

    client: motor.motor_asyncio.AsyncIOMotorClient[dict[str, Any]]
    client = motor.motor_asyncio.AsyncIOMotorClient(os.environ["MONGODB_URL"])
    yield client["books"]["summary"]
    client.close()


books_repo = pydatatask.S3BucketRepository(bucket, "books", "texts/", ".txt", "text/plain")
done_repo = pydatatask.MongoMetadataRepository(records, "done")
failures_repo = pydatatask.MongoMetadataRepository(records, "failures")
reports_repo = pydatatask.FileRepository(REPORTS, ".txt")


@pydatatask.InProcessSyncTask("summary", done_repo, failures=failures_repo)
async def summary(job: str, books: pydatatask.S3BucketRepository, reports: pydatatask.FileRepository) -> None:
    """Count the words of one book."""
    paragraphs, lines, words, chars = 0, 0, 0, 0
    async with await books.open(job, "r") as fp:
        data = await fp.read()
    for line in data.splitlines():
        if line.strip() == "":
            paragraphs += 1
        lines += 1
        words += len(line.split())
        chars += len(line)
    async with await reports.open(job, "w") as fp:
        await fp.write(
            f'The book "{job}" has {paragraphs} paragraphs, {lines} lines, {words} words, and {chars} characters.\n'
        )


summary.link("books", books_repo, is_input=True)
summary.link("reports", reports_repo, is_output=True)

pipeline = pydatatask.Pipeline([summary], session)

if __name__ == "__main__":
    pydatatask.main(pipeline)
