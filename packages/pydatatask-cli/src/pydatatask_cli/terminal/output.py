"""Everything that commands print: data on standard output, one-line errors on standard error.

Standard output is looked up at each call, so that whoever replaces ``sys.stdout`` gets the text.
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
]


_PIECE = 1 << 16
"""Characters to write at a time: where Python does not buffer, a write that is cut short raises nothing, but the next
one does."""


class OutputClosedError(Exception):
    """Whoever read standard output has gone, as ``head`` does once it has seen enough."""


def on_terminal() -> bool:
    """Tell whether standard output is a terminal, so that a person is looking on."""
    return sys.stdout is not None and sys.stdout.isatty()


def program() -> str:
    """Give the name of the running script, which error messages begin with."""
    return os.path.basename(sys.argv[0] if sys.argv else "") or "pydatatask"


def write(text: str) -> None:
    """Write text to standard output, as it is.

    :param text: The text, with its line ends.
    :raises OutputClosedError: Nobody reads it any longer.
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
    :raises OutputClosedError: Nobody reads them any longer.
    """
    write("".join(f"{line}\n" for line in lines))


def write_json(data: object) -> None:
    """Write data as JSON, on one line where it is short.

    :param data: What JSON can hold.
    :raises OutputClosedError: Nobody reads it any longer.
    """
    import json

    write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def write_bytes(data: bytes) -> None:
    """Write bytes to standard output, after all text that was written before.

    A ``sys.stdout`` without a binary side must be dealt with by the caller: see :func:`binary_output`.

    :param data: The bytes.
    :raises OutputClosedError: Nobody reads them any longer.
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
    """Give the binary side of standard output, all text before it flushed; None where there is just text."""
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


def _one_line(message: str) -> str:
    return "; ".join(part.strip() for part in message.splitlines() if part.strip())


def flush() -> None:
    """Hand everything written so far to whoever reads standard output.

    :raises OutputClosedError: Nobody does any longer.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosedError from None


def discard() -> None:
    """Let what is left in buffers, and comes yet, go nowhere, so that the interpreter does not stumble over it."""
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
    finally:
        os.close(nowhere)
