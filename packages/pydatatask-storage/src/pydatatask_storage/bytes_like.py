"""What may be written to a binary stream."""

from __future__ import annotations

__all__ = ["as_bytes"]


def as_bytes(data: object, job: str) -> bytes:
    """Give data as bytes that nobody can change any more.

    :param data: What was given to a binary stream to be written.
    :param job: The job whose value it is part of.
    :raises TypeError: It is no bytes.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    kind = type(data).__name__
    raise TypeError(f"a binary stream takes bytes, not {kind}; open job {job!r} in mode 'w' to write text")
