"""Images drawn by Graphviz."""

from __future__ import annotations

import asyncio

from pydatatask_cli.command_errors import CommandFailedError

__all__ = ["render"]


async def render(source: str, image: str) -> bytes:
    """Return an image of a picture.

    :param source: The picture in DOT.
    :param image: The kind of image: ``svg`` or ``png``.
    :raises CommandFailedError: Graphviz is not installed, or has failed.
    """
    from shutil import which

    program = await asyncio.to_thread(which, "dot")
    if program is None:
        raise CommandFailedError(
            f"an image of kind {image} needs Graphviz: install it (apt install graphviz), so that `dot` is on PATH; "
            "--format mermaid and --format dot do not need it"
        )
    process = await asyncio.create_subprocess_exec(
        program,
        f"-T{image}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        drawn, complaints = await process.communicate(source.encode())
    except BaseException:
        if process.returncode is None:
            process.kill()
        raise
    if process.returncode:
        raise CommandFailedError(f"{program} has failed (status {process.returncode}): {complaints.decode().strip()}")
    return drawn
