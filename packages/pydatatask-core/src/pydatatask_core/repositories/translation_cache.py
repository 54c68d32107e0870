"""A cache of the translations that a translator repository holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.errors import UnknownRelationError
from pydatatask_core.repositories.lookups import listed
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["TranslationCache", "related_id"]

_log = logging.getLogger("pydatatask.repository")
_FRESH_SECONDS = 1.0
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
    """Which job of the base repository each job of a translator stands for.

    A listing always loads the table anew, as a translator's values may change without its keys changing. Between
    listings a table is trusted for a second, or for twenty times what loading it took, whichever is longer.

    :param translator: The repository whose infos are the ids that its jobs translate to.
    """

    def __init__(self, translator: Repository) -> None:
        self.translator = translator
        self._table: dict[str, str] | None = None
        self._stale_at = 0.0
        self._warned: set[str] = set()
        self._loading: SingleFlight[Mapping[str, str]] = SingleFlight()

    async def load(self, lookup: KeyLookup) -> Mapping[str, str]:
        """Load all translations anew, in as few requests as the translator can.

        :param lookup: Tells what the translator contains, where that is not what its ``info_all`` says.
        """
        begin = time.monotonic()
        infos = await lookup.infos(self.translator)
        jobs = await lookup.members(self.translator, infos.keys())
        table = {job: target for job in jobs if (target := self._target(job, infos[job])) is not None}
        now = time.monotonic()
        self._stale_at = now + max(_FRESH_SECONDS, _SHARE_OF_TIME * (now - begin))
        self._table = table
        return table

    async def load_singly(self, lookup: KeyLookup) -> Mapping[str, str]:
        """Load all translations by one request for each, and keep none of them.

        :param lookup: Tells what the translator contains.
        """
        jobs = await listed(lookup, self.translator)
        targets = {job: self._target(job, await self.translator.info(job)) for job in jobs}
        return {job: target for job, target in targets.items() if target is not None}

    async def recent(self, lookup: KeyLookup) -> Mapping[str, str]:
        """Give the translations as they were a short while ago, or load them.

        :param lookup: Tells what the translator contains.
        """
        if self._table is None or time.monotonic() > self._stale_at:
            return await self._loading.share("table", lambda: self.load(lookup))
        return self._table

    def _target(self, job: str, info: Any) -> str | None:
        try:
            return related_id(job, info)
        except UnknownRelationError as error:
            if job not in self._warned:
                self._warned.add(job)
                _log.warning("%s: skipping a translation: %s", self.translator.describe(), error)
            return None
