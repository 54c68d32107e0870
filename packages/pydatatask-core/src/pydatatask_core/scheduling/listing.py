"""What the repositories contain, each asked at most once a round, and not even that if it has not changed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.repositories.method_overrides import answers_by_contains
from pydatatask_core.repositories.repository import Repository

__all__ = ["Listing"]


@dataclass
class _Answer:
    """What a repository said, and when."""

    repository: weakref.ref[Repository]
    round: int
    revision: Hashable | None
    keys: AbstractSet[str]


class Listing:
    """The :class:`~pydatatask_core.repositories.repository.KeyLookup` of the scheduler.

    Within a round every repository is listed once, whoever asks. From one round to the next a listing is kept where the
    repository's ``revision()`` is what it was, so that a quiet round costs in proportion to the repositories, not to
    the jobs in them. What a repository said is forgotten with the repository, since a task may make its ``ready`` anew
    in every round.
    """

    def __init__(self) -> None:
        self._round = 0
        self._answers: dict[int, _Answer] = {}  # by identity, since users' repositories may compare by value
        self._infos: dict[int, tuple[Repository, Mapping[str, Any]]] = {}
        self._failures: dict[tuple[str, int], tuple[Repository, Exception]] = {}
        self._asking: SingleFlight[AbstractSet[str]] = SingleFlight()
        self._asking_infos: SingleFlight[Mapping[str, Any]] = SingleFlight()

    def begin_round(self) -> None:
        """Begin a round: what was said before holds only as far as revisions vouch for it."""
        self._round += 1
        self._failures.clear()
        self._infos.clear()

    async def keys(self, repository: Repository) -> AbstractSet[str]:
        """Give all jobs of a repository, as of this round.

        :param repository: What to list.
        :raises Exception: What listing it raised; it is not asked again in this round.
        """
        answer = self._answers.get(id(repository))
        if answer is not None and answer.round == self._round:
            return answer.keys
        self._raise_failure("keys", repository)
        # Who asks in this round must not get what was seen before it began, by one who asked in an earlier round.
        return await self._asking.share((self._round, id(repository)), lambda: self._ask(repository))

    async def members(self, repository: Repository, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Give those of ``jobs`` that are in a repository.

        :param repository: Whom to ask.
        :param jobs: The candidates.
        """
        if answers_by_contains(type(repository)):
            return await repository.contained(jobs)
        return jobs & await self.keys(repository)

    async def infos(self, repository: Repository) -> Mapping[str, Any]:
        """Give the infos of all jobs of a repository, as of this round.

        :param repository: Whom to ask.
        :raises Exception: What that raised; it is not asked again in this round.
        """
        known = self._infos.get(id(repository))
        if known is not None:
            return known[1]
        self._raise_failure("infos", repository)
        return await self._asking_infos.share((self._round, id(repository)), lambda: self._ask_infos(repository))

    def _raise_failure(self, asked: str, repository: Repository) -> None:
        failure = self._failures.get((asked, id(repository)))
        if failure is not None:
            raise failure[1]

    async def _ask(self, repository: Repository) -> AbstractSet[str]:
        round_ = self._round
        try:
            answer = await self._look(repository)
        except Exception as error:
            self._note_failure("keys", repository, error)
            self._answers.pop(id(repository), None)
            raise
        known = self._answers.get(id(repository))
        if known is None or known.round <= round_:
            answer.round = round_
            self._answers[id(repository)] = answer
        return answer.keys

    async def _ask_infos(self, repository: Repository) -> Mapping[str, Any]:
        round_ = self._round
        try:
            infos = await repository.info_all()
        except Exception as error:
            self._note_failure("infos", repository, error)
            raise
        if round_ == self._round:
            self._infos[id(repository)] = (repository, infos)
        return infos

    def _note_failure(self, asked: str, repository: Repository, error: Exception) -> None:
        if not getattr(error, "__notes__", None):
            error.add_note(f"This happened while {repository.describe()} was being listed.")
        self._failures[asked, id(repository)] = (repository, error)

    async def _look(self, repository: Repository) -> _Answer:
        known = self._answers.get(id(repository))
        revision = await repository.revision()  # before the listing: a change in between makes the token an old one
        if known is not None and revision is not None and revision == known.revision:
            return known
        keys = await repository.keys_via(self)
        return _Answer(weakref.ref(repository, self._forget(id(repository))), self._round, revision, keys)

    def _forget(self, key: int) -> Callable[[weakref.ref[Repository]], None]:
        def forget(gone: weakref.ref[Repository]) -> None:
            answer = self._answers.get(key)
            if answer is not None and answer.repository is gone:
                del self._answers[key]

        return forget
