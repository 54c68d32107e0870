"""Listings of repositories: each is fetched at most once a round, and reused while its revision stays the same."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.repositories.method_overrides import answers_by_contains
from pydatatask_core.repositories.repository import Repository

__all__ = ["Answer", "Listing"]


@dataclass(slots=True)
class Answer:
    """What a listing has found in a repository."""

    repository: weakref.ref[Repository]
    """The repository."""

    round: int
    """The last round in which this held."""

    revision: Hashable | None
    """The revision of the repository from before its keys were read."""

    keys: AbstractSet[str]
    """The keys; the set must not be changed."""


class Listing:
    """The :class:`~pydatatask_core.repositories.repository.KeyLookup` of the scheduler.

    Within a round every repository is listed once, however many tasks link it. A listing is reused in later rounds
    while the ``revision()`` of the repository stays the same, so the cost of a round in which nothing has changed is
    proportional to the number of repositories, not of jobs. An answer is dropped together with its repository, since a
    task may return a new ``ready`` in every round.
    """

    def __init__(self) -> None:
        self._round = 0
        self._answers: dict[int, Answer] = {}  # by identity, since users' repositories may compare by value
        self._infos: dict[int, tuple[Repository, Mapping[str, Any]]] = {}
        self._failures: dict[tuple[str, int], tuple[Repository, Exception]] = {}
        self._loading: SingleFlight[Answer] = SingleFlight()
        self._loading_infos: SingleFlight[Mapping[str, Any]] = SingleFlight()
        self._revisions: dict[int, tuple[weakref.ref[Repository], Hashable | None]] = {}

    def begin_round(self) -> None:
        """Begin a round: earlier answers hold only if the revision is still the same."""
        self._round += 1
        self._failures.clear()
        self._infos.clear()
        self._revisions.clear()

    async def keys(self, repository: Repository) -> AbstractSet[str]:
        """Return all jobs of a repository, as of this round.

        :param repository: The repository to list.
        :raises Exception: The listing failed; it is not tried again in this round.
        """
        answer = self._answers.get(id(repository))
        if answer is not None and answer.round == self._round:
            return answer.keys
        return (await self.answer(repository)).keys

    async def answer(self, repository: Repository) -> Answer:
        """Return all jobs of a repository, as of this round, with the revision from before they were read.

        :param repository: The repository to list.
        :raises Exception: The listing failed; it is not tried again in this round.
        """
        key = id(repository)
        answer = self._answers.get(key)
        if answer is not None and answer.round == self._round:
            return answer
        if self._failures:
            self._raise_failure("keys", repository)
        # Shared only within a round: a listing that began in an earlier round may have missed what happened since.
        return await self._loading.share((self._round, key), lambda: self._load(repository))

    async def members(self, repository: Repository, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of ``jobs`` that are in a repository.

        :param repository: The repository.
        :param jobs: The candidates.
        """
        if answers_by_contains(type(repository)):
            return await repository.contained(jobs)
        return jobs & await self.keys(repository)

    async def infos(self, repository: Repository) -> Mapping[str, Any]:
        """Return the infos of all jobs of a repository, as of this round.

        :param repository: The repository.
        :raises Exception: The query failed; it is not tried again in this round.
        """
        known = self._infos.get(id(repository))
        if known is not None:
            return known[1]
        self._raise_failure("infos", repository)
        return await self._loading_infos.share((self._round, id(repository)), lambda: self._load_infos(repository))

    async def revision(self, repository: Repository) -> Hashable | None:
        """Return the revision of a repository, from before its keys were read in this round.

        A repository that is made of others combines their revisions. Read once more, one of them could be newer than
        the keys that were read earlier in the round, and would vouch for a change that these do not contain.

        :param repository: The repository.
        :raises Exception: The query failed; it is not tried again in this round.
        """
        key = id(repository)
        known = self._revisions.get(key)
        if known is not None and known[0]() is repository:  # the id may have belonged to another one before
            return known[1]
        if self._failures:
            self._raise_failure("revision", repository)
        round_ = self._round
        try:
            revision = await repository.revision_via(self)
        except Exception as error:
            self._record_failure("revision", repository, error)
            raise
        if round_ != self._round:
            return revision
        # Of several that are read at the same time, the first to arrive counts. Keys are read after that, so a later
        # one may be newer than they are.
        known = self._revisions.get(key)
        if known is not None and known[0]() is repository:
            return known[1]
        self._revisions[key] = (weakref.ref(repository), revision)
        return revision

    def _raise_failure(self, query: str, repository: Repository) -> None:
        failure = self._failures.get((query, id(repository)))
        if failure is not None:
            raise failure[1]

    async def _load(self, repository: Repository) -> Answer:
        round_, key = self._round, id(repository)
        answer = self._answers.get(key)
        try:
            revision = await self.revision(repository)  # before the keys, so that a change in between makes it outdated
            if answer is None or revision is None or revision != answer.revision:
                keys = await repository.keys_via(self)
                reference = weakref.ref(repository, self._drop_answer(key))
                answer = Answer(reference, round_, revision, keys)
        except Exception as error:
            self._record_failure("keys", repository, error)
            self._answers.pop(key, None)
            raise
        known = self._answers.get(key)
        if known is None or known.round <= round_:
            answer.round = round_
            self._answers[key] = answer
        return answer

    async def _load_infos(self, repository: Repository) -> Mapping[str, Any]:
        round_ = self._round
        try:
            infos = await repository.info_all()
        except Exception as error:
            self._record_failure("infos", repository, error)
            raise
        if round_ == self._round:
            self._infos[id(repository)] = (repository, infos)
        return infos

    def _record_failure(self, query: str, repository: Repository, error: Exception) -> None:
        if not getattr(error, "__notes__", None):
            error.add_note(f"This happened while {repository.describe()} was being listed.")
        self._failures[query, id(repository)] = (repository, error)

    def _drop_answer(self, key: int) -> Callable[[weakref.ref[Repository]], None]:
        def drop(gone: weakref.ref[Repository]) -> None:
            answer = self._answers.get(key)
            # The id may belong to another repository by now.
            if answer is not None and answer.repository is gone:
                del self._answers[key]

        return drop
