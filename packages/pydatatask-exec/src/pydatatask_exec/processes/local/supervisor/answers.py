"""The answers of a supervisor, which go by a pipe: nobody who does not read them may hold it up."""

from __future__ import annotations

import os

__all__ = ["Answers"]


class Answers:
    """Answers, until they are sent.

    :param descriptor: The pipe's end.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._waiting = b""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ticket: bytes, *words: bytes) -> None:
        """Give an answer, with the next :meth:`send`.

        :param ticket: What it is about.
        :param words: The answer.
        """
        self._waiting += b" ".join([ticket, *words]) + b"\n"

    def send(self) -> None:
        """Send what there is, as far as the pipe has room."""
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._descriptor, self._waiting) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # nobody wants to know any more
            self._waiting = b""
