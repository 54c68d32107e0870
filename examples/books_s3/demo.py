"""Start an S3 server and a MongoDB server, store the books there, and run `main.py` against them.

    python demo.py

The servers are moto and SecantusDB, which `tools/dev setup` installs. Their data is in memory; only the reports stay.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
TEXTS = HERE.parent / "books" / "texts"
PROGRAMS = Path(sys.executable).parent
HOST = "127.0.0.1"


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(port: int, *argv: str) -> Iterator[None]:
    """Run a server of this Python's environment until the block ends."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([str(PROGRAMS / argv[0]), *argv[1:]], stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    break
            if process.poll() is not None:
                raise SystemExit(f"{shlex.join(argv)} has ended with status {process.returncode}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Run the demonstration."""
    s3, mongodb = free_port(), free_port()
    environ = {
        "BUCKET_ENDPOINT": f"http://{HOST}:{s3}",
        "BUCKET_USERNAME": "me",
        "BUCKET_PASSWORD": "moto asks for none",
        "MONGODB_URL": f"mongodb://{HOST}:{mongodb}/",
    }
    with (
        server(s3, "moto_server", "-H", HOST, "-p", str(s3)),
        server(mongodb, "secantusd-py", "--host", HOST, "--port", str(mongodb), "--storage-path", ":memory:"),
    ):
        for book in sorted(TEXTS.glob("*.txt")):
            pipeline(environ, "inject", "summary.books", book.stem, stdin=book)
        pipeline(environ, "run")
        pipeline(environ, "status")
        pipeline(environ, "cat", "summary.reports", "jonah")
        pipeline(environ, "cat", "summary.done", "jonah")


def pipeline(environ: Mapping[str, str], *command: str, stdin: Path | None = None) -> None:
    """Print a command of `main.py` and run it."""
    source = f" < {os.path.relpath(stdin)}" if stdin else ""
    print(f"$ python main.py {shlex.join(command)}{source}", flush=True)
    with open(stdin or os.devnull, "rb") as text:
        subprocess.run(
            [sys.executable, str(HERE / "main.py"), *command], stdin=text, env={**os.environ, **environ}, check=True
        )


if __name__ == "__main__":
    main()
