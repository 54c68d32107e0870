"""Run a program on a pseudo-terminal, and read its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cli_pipelines import environment

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>])")
_PATIENCE_SECONDS = 30


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.master = master
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, text: str) -> str:
        """Wait until the program has written a text, and give what it wrote up to it; go on behind it."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while text not in self.plain:
            assert time.monotonic() < deadline, f"{text!r} has not come, but {self.plain!r}"
            assert self._read() or text in self.plain, f"{text!r} has not come to the end, but {self.plain!r}"
        before, found, after = self.plain.partition(text)
        self.seen = after
        return before + found

    def rest(self) -> str:
        """Give what else the program writes until its end."""
        while self._read():
            pass
        return self.plain

    @property
    def plain(self) -> str:
        """What is to be seen, without colours and movements of the cursor."""
        return _ESCAPES.sub("", self.seen).replace("\r\n", "\n")

    def _read(self) -> bool:
        readable, _, _ = select.select([self.master], [], [], 1)
        if not readable:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


@contextmanager
def on_terminal(
    script: Path, *arguments: str, variables: dict[str, str] | None = None
) -> Generator[Terminal, None, None]:
    """Run a script on a pseudo-terminal of 100 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environment(), "TERM": "xterm", **(variables or {})},
        cwd=script.parent,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)
