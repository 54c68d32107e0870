"""A small pipeline in memory, as a user would write it."""

from __future__ import annotations

import pydatatask

books = pydatatask.InProcessBlobRepository({"a": b"one two", "b": b"three"})
counts = pydatatask.InProcessMetadataRepository()
done = pydatatask.InProcessMetadataRepository()


@pydatatask.InProcessSyncTask("count", done)
async def count(
    job: str, books: pydatatask.InProcessBlobRepository, counts: pydatatask.InProcessMetadataRepository
) -> None:
    """Count the words of a book."""
    async with await books.open(job, "r") as fp:
        await counts.dump(job, {"words": len((await fp.read()).split())})


count.link("books", books, is_input=True)
count.link("counts", counts, is_output=True)

pipeline = pydatatask.Pipeline([count], pydatatask.Session())

if __name__ == "__main__":
    pydatatask.main(pipeline)
