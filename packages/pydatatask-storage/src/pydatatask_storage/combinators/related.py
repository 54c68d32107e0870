"""Items of another repository, found by following a lookup."""

from __future__ import annotations

from pydatatask_core.repositories.translation import TranslatedRepository

__all__ = ["RelatedItemRepository"]


class RelatedItemRepository(TranslatedRepository):
    """A repository which returns items from another repository based on following a related-item lookup.

    A job is contained if the translator contains it and the base contains ``await translator_repository.info(job)``.
    The repository is a blob or metadata repository as its base is, and has the base's own members::

        reports = RelatedItemRepository(books_by_isbn, isbn_of_order)
        async with await reports.open(order) as stream:  # opens the book of the order
            ...

    :param base_repository: The repository from which to return results based on translated keys. The resulting
        repository will duck-type as the same type as the base.
    :param translator_repository: A repository whose ``info()`` will be used to translate keys:
        ``info(job) == translated_job``.
    :param allow_deletes: Whether the delete operation on this repository does anything. If enabled, it will delete only
        from the base repository.
    :param prefetch_lookup: Whether to cache the entirety of the translator repository in memory to improve performance.
        A translation that is added later is seen at the next round all the same.
    """
