"""Stream that reads an object of S3 as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_core.streams.bases import ReadStreamBase
from pydatatask_storage.s3.errors import s3_errors

if TYPE_CHECKING:
    from aiobotocore.response import StreamingBody

__all__ = ["S3Reader"]


class S3Reader(ReadStreamBase):
    """A stream over the body of an answer; apart from a small buffer, data stays at the server until it is read.

    :param body: The body of a ``get_object``. This object closes it.
    :param place: What to call the object in messages.
    """

    def __init__(self, body: StreamingBody, place: str) -> None:
        self._body = body
        self._place = place
        self._errors = s3_errors(place)
        self._closed = False

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._place}>"

    @override
    async def read(self, n: int | None = None) -> bytes:
        """Read and return up to ``n`` bytes, or if unspecified, the rest of the stream.

        :param n: The greatest number of bytes wanted; None or a negative number means the rest.
        :raises StoreError: The connection or the server failed.
        :raises ValueError: The stream is closed.
        """
        if self._closed:
            raise ValueError(f"{self!r} is closed: nothing more can be read")
        if n == 0:
            return b""
        with self._errors:
            return await self._body.read(None if n is None or n < 0 else n)

    @override
    async def close(self) -> None:
        """Close and release the connection. Closing it again does nothing."""
        if not self._closed:
            self._closed = True
            await self._body.__aexit__(None, None, None)
