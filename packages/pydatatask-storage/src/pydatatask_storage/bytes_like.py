"""Bytes-like arguments of binary streams, converted to immutable bytes."""

from __future__ import annotations

__all__ = ["as_bytes"]


def as_bytes(data: object, job: str) -> bytes:
    """Return data as immutable bytes.

    :param data: The argument of a binary stream's ``write``.
    :param job: The job whose value it is part of.
    :raises TypeError: It is not bytes-like.
    """
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    if isinstance(data, memoryview):
        return data.tobytes()
    kind = type(data).__name__
    raise TypeError(f"a binary stream takes bytes, not {kind}; open job {job!r} in mode 'w' to write text")
