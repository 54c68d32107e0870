"""Send the answers of a supervisor by a pipe that does not block: a pipeline that reads nothing holds up no job."""

from __future__ import annotations

import os

__all__ = ["Answers"]


class Answers:
    """Keep answers until they are sent.

    :param descriptor: The pipe's end.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._waiting = b""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ticket: bytes, *words: bytes) -> None:
        """Add an answer, which the next :meth:`send` sends.

        :param ticket: The ticket of the request.
        :param words: The answer.
        """
        self._waiting += b" ".join([ticket, *words]) + b"\n"

    def send(self) -> None:
        """Send what is kept, as far as the pipe has room."""
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._descriptor, self._waiting) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the pipeline is gone, and its jobs go on
            self._waiting = b""
