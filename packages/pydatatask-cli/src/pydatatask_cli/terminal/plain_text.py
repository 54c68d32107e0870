"""Text for messages: of records and errors, in one line that does no harm to a terminal, and of numbers."""

from __future__ import annotations

__all__ = ["counted", "one_line"]

_MOST = 300


def one_line(text: str) -> str:
    """Return a text in one line, without control characters, and cut where it is too long.

    :param text: The text.
    """
    text = " ".join(text[: 4 * _MOST].split())
    shown = "".join(part if part.isprintable() else ascii(part)[1:-1] for part in text)
    return shown if len(shown) <= _MOST else f"{shown[: _MOST - 3]}..."


def counted(number: float, noun: str) -> str:
    """Return a number with its noun: ``1 job``, ``2 jobs``.

    :param number: The number.
    :param noun: The noun in the singular; its plural ends with an s.
    """
    return f"{number:g} {noun}" if number == 1 else f"{number:g} {noun}s"
