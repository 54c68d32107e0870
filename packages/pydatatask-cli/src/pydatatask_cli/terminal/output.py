"""Everything that commands print: data on standard output, one-line errors on standard error.

``sys.stdout`` is looked up at each call, so that it can be replaced.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import BinaryIO

__all__ = [
    "OutputClosedError",
    "binary_output",
    "discard",
    "flush",
    "on_terminal",
    "program",
    "write",
    "write_bytes",
    "write_error",
    "write_json",
    "write_lines",
    "write_note",
]


_PIECE = 1 << 16
"""Characters to write at once. Without buffering (``python -u``), Python reports a broken pipe only at the write after
the one that was cut short, so a long text is written in pieces."""


class OutputClosedError(Exception):
    """The reader of standard output has gone, as ``head`` does after its last line."""


def on_terminal() -> bool:
    """Tell whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def program() -> str:
    """Return the name of the running script, with which error messages begin."""
    return os.path.basename(sys.argv[0] if sys.argv else "") or "pydatatask"


def write(text: str) -> None:
    """Write text to standard output, as it is.

    :param text: The text, with its line ends.
    :raises OutputClosedError: The reader has gone.
    """
    if sys.stdout is None:
        return
    try:
        for at in range(0, len(text), _PIECE):
            sys.stdout.write(text[at : at + _PIECE])
    except BrokenPipeError:
        raise OutputClosedError from None


def write_lines(lines: Iterable[str]) -> None:
    """Write each string as a line of its own.

    :param lines: The lines, without line ends.
    :raises OutputClosedError: The reader has gone.
    """
    write("".join(f"{line}\n" for line in lines))


def write_json(data: object) -> None:
    """Write data as JSON, on one line where it is short.

    :param data: What JSON can hold.
    :raises OutputClosedError: The reader has gone.
    """
    import json

    write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def write_bytes(data: bytes) -> None:
    """Write bytes to standard output, after all text that was written before.

    The caller has to check that ``sys.stdout`` takes bytes: see :func:`binary_output`.

    :param data: The bytes.
    :raises OutputClosedError: The reader has gone.
    """
    binary = binary_output()
    if binary is None:
        raise TypeError("standard output takes no bytes")
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[binary.write(rest) :]
        binary.flush()
    except BrokenPipeError:
        raise OutputClosedError from None


def binary_output() -> BinaryIO | None:
    """Flush standard output and return its binary buffer, or None if it takes only text."""
    binary: BinaryIO | None = getattr(sys.stdout, "buffer", None)
    if binary is not None:
        flush()
    return binary


def write_error(message: str, *details: str) -> None:
    """Write a message to standard error, as one line that begins with the name of the script.

    :param message: What went wrong, and what to do next.
    :param details: Further lines, where one is not enough.
    """
    if sys.stderr is None:
        return
    lines = [f"{program()}: error: {_one_line(message)}", *(f"- {_one_line(detail)}" for detail in details)]
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except BrokenPipeError:
        return


def write_note(message: str, *details: str) -> None:
    """Write a message that is no error to standard error, as one line that begins with the name of the script.

    :param message: What the user should know.
    :param details: Further lines, where one is not enough.
    """
    if sys.stderr is None:
        return
    lines = [f"{program()}: {_one_line(message)}", *(f"- {_one_line(detail)}" for detail in details)]
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except BrokenPipeError:
        return


def _one_line(message: str) -> str:
    return "; ".join(part.strip() for part in message.splitlines() if part.strip())


def flush() -> None:
    """Flush standard output.

    :raises OutputClosedError: The reader has gone.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosedError from None


def discard() -> None:
    """Discard what is buffered, and all later output."""
    # The interpreter flushes standard output when it exits, and would print an error about the broken pipe.
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
    finally:
        os.close(nowhere)
