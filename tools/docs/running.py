"""Run a block of Python from the documentation, as its reader would."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from tools.docs.blocks import Block

NEEDS_SERVER: Final = re.compile(
    r"\b(?:aiobotocore|motor|asyncssh|kubernetes_asyncio|docker_registry_client_async|distributed|dask"
    r"|PodManager|SSHLinuxManager)\b"
)
"""What is there to talk to a server. Of such a block only the definitions are run."""

RUNS_ITSELF: Final = re.compile(r"^asyncio\.run\(", re.MULTILINE)
HAS_MAIN: Final = re.compile(r"^async def main\(\)", re.MULTILINE)
IS_SCRIPT: Final = re.compile(r"^if __name__ ==", re.MULTILINE)
DEFINITIONS: Final = "import runpy; runpy.run_path('main.py', run_name='definitions')"


def can_run(block: Block) -> bool:
    """Tell whether a block of Python can be run, if only its definitions, with no server."""
    if block.types_only:
        return False
    return not (NEEDS_SERVER.search(block.source) and RUNS_ITSELF.search(block.source))


def script(block: Block) -> str:
    """Give the code to run: `main` is called where the reader would call it."""
    if HAS_MAIN.search(block.source) and not RUNS_ITSELF.search(block.source) and not NEEDS_SERVER.search(block.source):
        return f"{block.source}\n\nimport asyncio\n\nasyncio.run(main())\n"
    return block.source


def arguments(block: Block) -> list[str]:
    """Give what the interpreter is called with; scripts of pipelines are asked for the status."""
    if NEEDS_SERVER.search(block.source):
        return ["-c", DEFINITIONS]
    return ["main.py", "status"] if IS_SCRIPT.search(block.source) else ["main.py"]


def run(block: Block, directory: Path, python: str | Path = sys.executable) -> str:
    """Run a block as `main.py` in a directory of its own.

    :param directory: Where it runs, empty.
    :param python: The interpreter.
    :returns: What went wrong, and nothing where all went well.
    """
    (directory / "main.py").write_text(script(block), "utf-8")
    done = subprocess.run(
        [str(python), "-I", "-W", "error", *arguments(block)],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else f"{block.place}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
