"""Helpers that read streams in pieces and abandon writers."""

from __future__ import annotations

from typing import Protocol, TypeVar

from pydatatask_core.streams.byte_streams import AWriteStream

__all__ = ["Abandoned", "read_in_pieces", "write_and_abandon"]

S_co = TypeVar("S_co", bound=str | bytes, covariant=True)


class Readable(Protocol[S_co]):
    """A stream of text or bytes."""

    async def read(self, n: int | None = None, /) -> S_co:
        """Read up to ``n`` characters or bytes.

        :param n: The maximum number.
        """
        ...


class Abandoned(Exception):
    """The exception that leaves the block of a writer."""


async def read_in_pieces(stream: Readable[S_co], n: int) -> list[S_co]:
    """Read a stream to its end and return its pieces.

    :param stream: A stream of text or bytes.
    :param n: The maximum size of a piece.
    """
    pieces: list[S_co] = []
    while piece := await stream.read(n):
        assert len(piece) <= n
        pieces.append(piece)
    return pieces


async def write_and_abandon(stream: AWriteStream, data: bytes) -> None:
    """Write data and leave the writer by an exception, which is suppressed.

    :param stream: The writer.
    :param data: The data.
    """
    try:
        async with stream:
            await stream.write(data)
            raise Abandoned
    except Abandoned:
        return
