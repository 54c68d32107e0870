"""Paging through a list of tags, by whatever the registry's ``Link`` header says."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from pydatatask_core.errors import StoreError

__all__ = ["Pages"]

_PAGE = 1000
"""How many tags are requested at a time; a registry may return fewer, or all of them."""

_NEXT = re.compile(r'<?([^<>;,\s]+)>?\s*;[^,]*\brel="?next"?')
"""The part of a ``Link`` header that leads to the next page; some registries leave out brackets or quotes."""


class Pages:
    """The position in a list of tags.

    The query of the next page is opaque: registries mark the place by ``last=``, ``next_page=`` or ``page=``. Only the
    query is taken from the link, since a registry behind a proxy may not know its own address.

    :param place: What to call the registry in messages.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._query = f"n={_PAGE}"
        self._seen = {self._query}

    def follow(self, response: ClientResponse) -> bool:
        """Go on to the next page.

        :param response: The answer with the present page.
        :returns: Whether there is a next page.
        :raises StoreError: The registry leads back to a page that has been fetched.
        """
        match = _NEXT.search(", ".join(response.headers.getall("Link", ())))
        if match is None:
            return False
        self._query = urlsplit(match[1]).query
        if not self._query or self._query in self._seen:
            raise StoreError(f"{self._place} lists the same tags over and over, instead of the next page")
        self._seen.add(self._query)
        return True

    async def set_query(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send a request with the query of the present page: the client library itself knows ``n`` and ``last`` only.

        :param request: The request.
        :param handler: Sends it.
        """
        request.url = request.url.with_query(parse_qsl(self._query, keep_blank_values=True))
        return await handler(request)
