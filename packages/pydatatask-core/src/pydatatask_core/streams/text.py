"""Text over byte streams, which repositories open in the modes ``r`` and ``w``. Newlines are not translated."""

from __future__ import annotations

import codecs
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from typing_extensions import override

from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream

__all__ = ["AReadText", "AWriteText", "async_copyfile_str"]


class AReadText(AbstractAsyncContextManager["AReadText", None]):
    """An asynchronous, read-only version of :class:`io.TextIOWrapper`.

    :param base: The stream of encoded bytes. Closing this object closes it.
    :param encoding: The name of a codec.
    :param errors: How to handle bytes that are invalid in this encoding, as for :meth:`bytes.decode`.
    :param chunksize: The minimum number of bytes to read from the base at a time.
    :raises LookupError: There is no such encoding or error handler.
    :raises ValueError: ``chunksize`` is less than 1.
    """

    def __init__(
        self, base: AReadStream, encoding: str = "utf-8", errors: str = "strict", chunksize: int = 4096
    ) -> None:
        if chunksize < 1:
            raise ValueError(f"chunksize must be at least 1 byte, not {chunksize}")
        codecs.lookup_error(errors)
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._base = base
        self._chunksize = chunksize
        self._text = ""  # decoded; its first `self._at` characters have been returned
        self._at = 0
        self._ended = False
        self._closed = False
        self._error: UnicodeError | None = None

    async def read(self, n: int | None = None) -> str:
        """Read up to ``n`` characters, or if unspecified, the rest of the stream.

        Each call continues where the last one stopped. Fewer than ``n`` characters are returned only at the end; with
        ``n``, no more than about ``n`` characters and one chunk are held in memory.

        :param n: The maximum number of characters. Negative means the rest, as with Python's own files.
        :raises UnicodeError: The bytes are invalid in this encoding, or end within a character. Every later call raises
            it again, so that nothing after the invalid bytes is read.
        :raises ValueError: The stream is closed.
        """
        if self._closed:
            raise ValueError("the stream is closed: nothing more can be read")
        if self._error is not None:
            raise self._error
        if n is None or n < 0:
            return await self._read_rest()
        if len(self._text) - self._at < n:
            await self._fill(n)
        start, self._at = self._at, min(self._at + n, len(self._text))
        return self._text[start : self._at]

    async def close(self) -> None:
        """Close and release the stream. Closing it again does nothing."""
        if not self._closed:
            self._closed = True
            await self._base.close()

    @override
    async def __aenter__(self) -> Self:
        await self._base.__aenter__()
        return self

    @override
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._closed:
            self._closed = True
            await self._base.__aexit__(exc_type, exc, traceback)

    async def _read_rest(self) -> str:
        if not self._ended:
            rest = self._decode(await self._base.read(), final=True)
            self._text, self._at = self._text[self._at :] + rest, 0
        text, self._text = self._text[self._at :], ""
        self._at = 0
        return text

    async def _fill(self, n: int) -> None:
        """Buffer ``n`` characters, or all that are left."""
        pieces = [self._text[self._at :]]
        missing = n - len(pieces[0])
        try:
            while missing > 0 and not self._ended:
                data = await self._base.read(max(missing, self._chunksize))
                pieces.append(self._decode(data, final=not data))
                missing -= len(pieces[-1])
        finally:  # a cancelled read loses nothing of what it has read
            self._text, self._at = "".join(pieces), 0

    def _decode(self, data: bytes, *, final: bool) -> str:
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as error:
            self._error = error
            raise
        self._ended = final
        return text


class AWriteText(AbstractAsyncContextManager["AWriteText", None]):
    """An asynchronous, write-only version of :class:`io.TextIOWrapper`.

    It commits and aborts as its base does: :meth:`close` commits, while leaving ``async with`` by an exception, or a
    write that fails, aborts.

    :param base: The stream that takes the encoded bytes. Closing this object closes it.
    :param encoding: The name of a codec.
    :param errors: How to handle characters that the encoding does not have, as for :meth:`str.encode`.
    :raises LookupError: There is no such encoding or error handler.
    """

    def __init__(self, base: AWriteStream, encoding: str = "utf-8", errors: str = "strict") -> None:
        codecs.lookup_error(errors)
        self._encoder = codecs.getincrementalencoder(encoding)(errors)
        self._base = base
        self._closed = False

    async def write(self, data: str) -> None:
        """Write data to the stream.

        :param data: The next characters.
        :raises TypeError: ``data`` is no string.
        :raises UnicodeError: The encoding does not have one of the characters, for example a lone surrogate.
        :raises ValueError: The stream is closed.
        """
        if self._closed:
            raise ValueError("the stream is closed: nothing more can be written")
        _require_text(data)
        await self._encode(data)

    async def close(self) -> None:
        """Close and release the stream, which commits what was written. Closing it again does nothing."""
        if not self._closed:
            await self._encode("", final=True)
            self._closed = True
            await self._base.close()

    @override
    async def __aenter__(self) -> Self:
        await self._base.__aenter__()
        return self

    @override
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._closed:
            return
        if exc_type is None:
            await self._encode("", final=True)
        self._closed = True
        await self._base.__aexit__(exc_type, exc, traceback)

    async def _encode(self, text: str, *, final: bool = False) -> None:
        """Write encoded text to the base, with ``final`` also what the encoder holds back; an error aborts the base."""
        try:
            if data := self._encoder.encode(text, final):
                await self._base.write(data)
        except BaseException as error:
            self._closed = True
            await self._base.__aexit__(type(error), error, error.__traceback__)
            raise


def _require_text(data: object) -> None:
    if not isinstance(data, str):
        raise TypeError(f"a text stream takes str, not {type(data).__name__}; open it in mode 'wb' to write bytes")


async def async_copyfile_str(copyfrom: AReadText, copyto: AWriteText, blocksize: int = 1048576) -> None:
    """Copy a text stream to another, as :func:`pydatatask_core.streams.byte_streams.async_copyfile` does for bytes.

    :param copyfrom: The stream to read to its end.
    :param copyto: The stream to write to.
    :param blocksize: The number of characters to read at a time, and so to hold in memory.
    :raises ValueError: ``blocksize`` is less than 1.
    """
    if blocksize < 1:
        raise ValueError(f"blocksize must be at least 1 character, not {blocksize}")
    while block := await copyfrom.read(blocksize):
        await copyto.write(block)
