"""A cache of the translations that a translator repository holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.errors import UnknownRelationError
from pydatatask_core.repositories.lookups import listed
from pydatatask_core.repositories.repository import DIRECT, KeyLookup, Repository

__all__ = ["TranslationCache", "related_id"]

_log = logging.getLogger("pydatatask.repository")
_RECENT_SECONDS = 1.0
_SHARE_OF_TIME = 20


def related_id(job: str, info: Any) -> str:
    """Return a translator's info for a job as the id that the job translates to.

    :param job: The job.
    :param info: The translator's info for it.
    :raises UnknownRelationError: The info is no string.
    """
    if isinstance(info, str):
        return info
    reason = f"the translator's info is of type {type(info).__name__}, not the id as a string; use .map() to extract it"
    raise UnknownRelationError(job, reason)


class TranslationCache:
    """The job of the base repository that each job of a translator stands for.

    A listing always loads all translations, since the values of a translator may change without its keys. In between,
    reading a value may use translations that were read up to a second ago. Whoever changes or deletes a value asks the
    translator (:meth:`ask`, :meth:`load`), as an old translation names the wrong value.

    :param translator: The repository whose infos are the ids that its jobs translate to.
    """

    def __init__(self, translator: Repository) -> None:
        self.translator = translator
        self._table: Mapping[str, str] | None = None
        self._read_at = 0.0
        self._load_again_at = 0.0
        self._warned: set[str] = set()
        self._loading: SingleFlight[Mapping[str, str]] = SingleFlight()

    async def load(self, lookup: KeyLookup) -> Mapping[str, str]:
        """Load all translations, in as few requests as the translator can.

        :param lookup: Answers for the translator, whose ``info_all`` may tell more than it contains.
        """
        begin = time.monotonic()
        infos = await lookup.infos(self.translator)
        jobs = await lookup.members(self.translator, infos.keys())
        table = {job: target for job in jobs if (target := self._target(job, infos[job])) is not None}
        now = time.monotonic()
        # The age counts from before the read: a translation may have changed right after the request was sent.
        self._table, self._read_at, self._load_again_at = table, begin, now + _SHARE_OF_TIME * (now - begin)
        return table

    async def load_singly(self, lookup: KeyLookup) -> Mapping[str, str]:
        """Load all translations by one request for each, and keep none of them.

        :param lookup: Answers for the translator.
        """
        jobs = await listed(lookup, self.translator)
        targets = {job: self._target(job, await self.translator.info(job)) for job in jobs}
        return {job: target for job, target in targets.items() if target is not None}

    async def recent(self) -> Mapping[str, str]:
        """Return all translations for reading values: those of the last second, or else load them."""
        table = self._recent_table()
        return await self._shared_load() if table is None else table

    async def translate(self, job: str) -> str:
        """Return the job that ``job`` stands for, for reading its value.

        :param job: A job of the translator.
        :raises UnknownRelationError: The translator does not contain it.
        """
        table = self._recent_table()
        # Loading everything for the sake of one job may take long, so it is bounded to a share of the time.
        if table is None and (self._table is None or time.monotonic() >= self._load_again_at):
            table = await self._shared_load()
        target = None if table is None else table.get(job)
        return await self.ask(job) if target is None else target

    async def ask(self, job: str) -> str:
        """Return the job that ``job`` stands for now, as the translator says.

        :param job: A job of the translator.
        :raises UnknownRelationError: The translator does not contain it.
        """
        if not await self.translator.contains(job):
            raise UnknownRelationError(job)
        return related_id(job, await self.translator.info(job))

    def _recent_table(self) -> Mapping[str, str] | None:
        return self._table if time.monotonic() - self._read_at <= _RECENT_SECONDS else None

    async def _shared_load(self) -> Mapping[str, str]:
        return await self._loading.share("table", lambda: self.load(DIRECT))

    def _target(self, job: str, info: Any) -> str | None:
        try:
            return related_id(job, info)
        except UnknownRelationError as error:
            if job not in self._warned:
                self._warned.add(job)
                _log.warning("%s: skipping a translation: %s", self.translator.describe(), error)
            return None
