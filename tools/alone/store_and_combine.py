"""Store, list, map and combine repositories with nothing but core and storage installed."""

from __future__ import annotations

import asyncio

from pydatatask_core import Repository
from pydatatask_storage import (
    AggregateAndRepository,
    AggregateOrRepository,
    BlockingRepository,
    FileRepository,
    InProcessMetadataRepository,
    YamlMetadataFileRepository,
)


async def jobs(repository: Repository) -> list[str]:
    """List the jobs of a repository, sorted."""
    return sorted([job async for job in repository])


async def main() -> None:
    """Do all of it over files in the working directory."""
    texts = FileRepository("texts", ".txt")
    records = YamlMetadataFileRepository("records")
    memory = InProcessMetadataRepository({"c": 3})
    for repository in (texts, records):
        await repository.validate()
    for job in ("a", "b"):
        async with await texts.open(job, "w") as writer:
            await writer.write(job * 3)
    await records.dump("b", {"words": 1})
    async with await texts.open("a") as reader:
        assert await reader.read() == "aaa"
    assert await jobs(texts) == ["a", "b"]
    assert await records.info_all() == {"b": {"words": 1}}
    words = records.map(lambda record: record["words"])
    assert await words.info("b") == 1
    assert await jobs(AggregateAndRepository(texts=texts, records=records)) == ["b"]
    assert await jobs(AggregateOrRepository(texts=texts, memory=memory)) == ["a", "b", "c"]
    assert await jobs(BlockingRepository(texts, records)) == ["a"]
    await texts.delete("a")
    assert await jobs(texts) == ["b"]
    print("core and storage alone: stored, listed, mapped and combined")


if __name__ == "__main__":
    asyncio.run(main())
