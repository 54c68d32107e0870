"""Related items: the values of a repository under the ids of another."""

from __future__ import annotations

from pydatatask_core.repositories.translation import TranslatedRepository

__all__ = ["RelatedItemRepository"]


class RelatedItemRepository(TranslatedRepository):
    """The items of another repository, found by following a lookup.

    A job is contained if the translator contains it and the base contains ``await translator_repository.info(job)``.
    The repository is a blob, metadata or sized repository as its base is, and has the base's other members::

        reports = RelatedItemRepository(books_by_isbn, isbn_of_order)
        async with await reports.open(order) as stream:  # opens the book of the order
            ...

    :param base_repository: The repository that holds the items; this one duck-types as the same type.
    :param translator_repository: The repository that translates ids: its ``info(job)`` is the job's id in the base.
    :param allow_deletes: Whether deleting a job deletes its item from the base repository.
    :param prefetch_lookup: Whether to keep all translations in memory, which is faster. A translation that is added
        later is still seen in the next round.
    """
