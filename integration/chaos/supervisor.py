"""The pipeline as a process: started, killed, stopped, and started again, as whoever looks after a machine would do."""

from __future__ import annotations

import asyncio
import re
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from integration.chaos.scene import Scene

_KINDNESS_SECONDS = 30.0
"""How long the pipeline may take to end in good order; it is given 20 seconds to abort an upload."""

_UNTOWARD = re.compile(
    r"Traceback|-v shows where it came from|never retrieved|never awaited|Unclosed|Exception ignored|Warning:"
    r"|Fatal Python error"
)
_OF_AIOHTTP = re.compile(r"ERROR asyncio: Task exception was never retrieved\nfuture: .*ClientRequest\.write_bytes.*\n")
"""What aiohttp forgets where a connection is cut while it sends a request."""

_STATUSES = {
    signal.SIGKILL: (-signal.SIGKILL,),
    signal.SIGTERM: (128 + signal.SIGTERM, -signal.SIGTERM),  # the latter if it has not come to our code yet
}
"""The statuses with which it may end for a signal, unless it was about to fail anyway."""


@dataclass
class Life:
    """One run of the pipeline."""

    number: int
    log: Path
    pid: int = 0
    status: int | None = None

    @property
    def is_killed(self) -> bool:
        return self.status == -signal.SIGKILL


@dataclass
class Supervisor:
    """Sees to it that the pipeline runs.

    `after_life` is called between two of its lives.
    """

    scene: Scene
    after_life: Callable[[Life], Awaitable[None]]
    lives: list[Life] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _keeps: bool = False
    _process: Process | None = None
    _ordered: signal.Signals | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep `run --forever` running while the block lasts; it ends by SIGTERM."""
        async with asyncio.TaskGroup() as group:
            self._keeps = True
            keeper = group.create_task(self._keep())
            try:
                yield
            finally:
                self._keeps = False
                while not keeper.done():
                    await self.end(signal.SIGTERM)
                    await asyncio.sleep(0.01)  # it may have been about to be started

    async def _keep(self) -> None:
        while self._keeps:
            await self._live("run", "--forever")
            async with self._changed:
                self._changed.notify_all()

    async def _live(self, *arguments: str, of_itself: int = 1) -> None:
        """Live once. Of its own accord it may only end by an error, as a store cannot be reached when it starts."""
        life = Life(len(self.lives), self.scene.path("logs") / f"life-{len(self.lives)}.log")
        self.lives.append(life)
        self._ordered = None
        with life.log.open("wb") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *self.scene.argv(*arguments), stderr=log, env=self.scene.environ()
            )
        life.pid = process.pid
        try:
            life.status = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        finally:
            self._process = None
        expected = (of_itself,) if self._ordered is None else (*_STATUSES[self._ordered], 1)
        if life.status not in expected:
            self.problems.append(f"life {life.number} ended with status {life.status}, and not {expected[0]}")
        self.problems += untoward_lines(life.log)
        await self.after_life(life)

    async def run_to_completion(self, seconds: float) -> None:
        """Run until all is done."""
        try:
            async with asyncio.timeout(seconds):
                await self._live("run", of_itself=0)
        except TimeoutError:
            self.problems.append(f"life {len(self.lives) - 1} has not come to its end in {seconds} seconds")

    async def end(self, number: signal.Signals) -> None:
        """End the pipeline by a signal, and wait for that."""
        process = self._process
        if process is None or self._ordered is not None:
            return
        self._ordered = number
        async with self._changed:
            process.send_signal(number)
            try:
                async with asyncio.timeout(_KINDNESS_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                self.problems.append(f"life {len(self.lives) - 1} did not end by {number.name}")
                process.kill()

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run another command; give its status and what it printed."""
        process = await asyncio.create_subprocess_exec(
            *self.scene.argv(*arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.scene.environ(),
        )
        output, errors = await process.communicate()
        log = self.scene.path("logs") / f"{arguments[0]}-{process.pid}.log"
        log.write_bytes(errors)
        self.problems += untoward_lines(log)
        return process.returncode or 0, output.decode()


def untoward_lines(log: Path) -> list[str]:
    """Give what a log says of errors that nobody foresaw; those of stores and targets come without a traceback."""
    lines = _OF_AIOHTTP.sub("", log.read_text("utf-8", "replace")).splitlines()
    return [
        f"{log.name}:{number + 1}: {' / '.join(lines[max(number - 1, 0) : number + 40])}"
        for number, line in enumerate(lines)
        if _UNTOWARD.search(line)
    ]
