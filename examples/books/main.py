"""Count the words of some books, then rank the books by the richness of their vocabulary.

All repositories are directories beside this file: the books in ``texts``, the results in ``build``::

    python main.py run
    python main.py status
    python main.py cat rank.rankings "$(python main.py ls rank.rankings)"

Put another text into ``texts/`` and run it again: it counts only the new book, and makes a new ranking. A book that
cannot be read is a failed job: ``failures`` says why, and ``retry count --all`` has it counted again.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TypedDict

import pydatatask

HERE = Path(__file__).parent
BUILD = HERE / "build"


class Counts(TypedDict):
    """The counts of one book."""

    paragraphs: int
    lines: int
    words: int
    chars: int
    richness: float


class Shelf(pydatatask.Repository):
    """All books together: one job, which is present once every book has been counted with success.

    The id of the job depends on the names of the books, so another book makes another job.
    """

    def __init__(self, books: pydatatask.Repository, counted: pydatatask.Repository) -> None:
        self.books = books
        self.counted = counted

    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        books = {job async for job in self.books}
        counted = {job async for job in self.counted}
        if books and books <= counted:
            yield f"shelf{zlib.crc32(','.join(sorted(books)).encode()):08x}"

    async def info(self, job: str) -> list[str]:
        return sorted([book async for book in self.books])

    async def delete(self, job: str) -> None:
        """Do nothing: the job follows from the books."""

    def sources(self) -> list[pydatatask.Repository]:
        """Say what the shelf is made of, so that ``rm -r count.books BOOK`` finds the ranking of that book, too."""
        return [self.books, self.counted]

    async def jobs_from(self, source: pydatatask.Repository, job: str) -> set[str]:
        """Say under which id a book of the shelf appears here: that of the whole shelf."""
        return {shelf async for shelf in self}


books_repo = pydatatask.FileRepository(HERE / "texts", ".txt")
counts_repo = pydatatask.YamlMetadataFileRepository(BUILD / "counts")
reports_repo = pydatatask.FileRepository(BUILD / "reports", ".txt")
rankings_repo = pydatatask.FileRepository(BUILD / "rankings", ".txt")
count_outcomes = pydatatask.outcome_files(BUILD / "count")
rank_outcomes = pydatatask.outcome_files(BUILD / "rank")


@pydatatask.InProcessSyncTask("count", count_outcomes.done, failures=count_outcomes.failures)
async def count(
    job: str,
    books: pydatatask.FileRepository,
    counts: pydatatask.YamlMetadataFileRepository,
    reports: pydatatask.FileRepository,
) -> None:
    """Count the words of one book."""
    async with await books.open(job, "r") as fp:
        data = await fp.read()
    words = re.findall(r"[a-z]+", data.lower())
    found: Counts = {
        "paragraphs": len(re.findall(r"\S.*?(?:\n\s*\n|\Z)", data, re.DOTALL)),
        "lines": len(data.splitlines()),
        "words": len(words),
        "chars": len(data),
        "richness": _richness(words),
    }
    async with await reports.open(job, "w") as fp:
        await fp.write(
            f'The book "{job}" has {found["paragraphs"]} paragraphs, {found["lines"]} lines, {found["words"]} words, '
            f"and {found['chars']} characters.\n"
        )
    await counts.dump(job, dict(found))


@pydatatask.InProcessSyncTask("rank", rank_outcomes.done, failures=rank_outcomes.failures)
async def rank(
    job: str,
    shelf: Shelf,
    counts: pydatatask.YamlMetadataFileRepository,
    rankings: pydatatask.FileRepository,
) -> None:
    """Rank all books by the number of different words that they use."""
    all_counts = {book: await counts.info(book) for book in await shelf.info(job)}
    ranked = sorted(all_counts.items(), key=lambda item: item[1]["richness"], reverse=True)
    async with await rankings.open(job, "w") as fp:
        await fp.write("     book              different words per 1,000     words\n")
        for place, (book, found) in enumerate(ranked, start=1):
            await fp.write(f"{place:3}. {book:16} {found['richness']:25.0f} {found['words']:9,}\n")


def _richness(words: list[str], sample: int = 1000) -> float:
    """Return the average number of different words in a thousand, which does not depend on the length of the text."""
    samples = [words[start : start + sample] for start in range(0, len(words), sample)]
    full = [part for part in samples if len(part) == sample] or [words]
    return round(sum(len(set(part)) * sample / max(len(part), 1) for part in full) / len(full), 1)


count.link("books", books_repo, is_input=True)
count.link("counts", counts_repo, is_output=True)
count.link("reports", reports_repo, is_output=True)
rank.link("shelf", Shelf(books_repo, count_outcomes.done), is_input=True)
rank.link("counts", counts_repo)
rank.link("rankings", rankings_repo, is_output=True)

pipeline = pydatatask.Pipeline([count, rank], pydatatask.Session())

if __name__ == "__main__":
    pydatatask.main(pipeline)
