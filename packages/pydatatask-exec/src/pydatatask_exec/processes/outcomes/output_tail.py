"""The end of an output, which is all that the record of a failed job keeps of it."""

from __future__ import annotations

from pydatatask_core.streams.byte_streams import AReadStream

__all__ = ["TAIL_BYTES", "read_tail", "tail_text"]

TAIL_BYTES = 2000
"""How much of its standard output the record of a failed job keeps."""

_CHUNK = 1 << 18


async def read_tail(stream: AReadStream) -> bytes:
    """Return the last bytes of a stream, with bounded memory.

    :param stream: The stream, which is read to its end.
    """
    tail = b""
    while block := await stream.read(_CHUNK):
        tail = (tail + block)[-TAIL_BYTES:]
    return tail


def tail_text(content: bytes) -> str:
    """Return the last bytes of an output as text, without the rest of a character that is cut off.

    :param content: The output, or the end of it.
    """
    tail = content[-TAIL_BYTES:]
    if len(content) >= TAIL_BYTES:
        begin = 0
        while begin < min(3, len(tail)) and tail[begin] & 0xC0 == 0x80:
            begin += 1
        tail = tail[begin:]
    return tail.decode("utf-8", "replace")
