"""Two controllers whose shells claim one job, each held up at each step while the other goes on: it is done once."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pydatatask_exec.processes.ssh.shell_functions import KEEP_ENVIRONMENT, PRELUDE, TargetFacts
from pydatatask_exec.processes.ssh.shell_requests import Step, Ticketed, compound, revoke_reserved_code, start_code
from pydatatask_exec.processes.workspace import Order

STEPS = ("set --", "pydatatask_why", "list_controllers", 'if [ "$pydatatask_c', "{ read -r pydatatask_o", "if [ ")
FACTS = TargetFacts("boot+1+host-000000", "1:0.01:boot+1+host-000000", uptime=True, user=0, missing=())


class World:
    """One job, and where its claims are made."""

    def __init__(self, directory: Path) -> None:
        self.root, self.reaped = directory / "work", directory / ".work.reaped"
        self.launching = directory / ".work.launching"
        for path in (self.root, self.reaped, self.launching):
            path.mkdir(parents=True)
        self.runs = directory / "runs"
        self.runs.touch()
        self.done = False


class Shell:
    """A shell on a target, which waits before each step."""

    def __init__(self, gates: Path) -> None:
        os.mkfifo(gates)
        self._go_on = os.open(gates, os.O_RDWR)
        self._process = subprocess.Popen(
            ["/bin/sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        gate = f"exec 8<{gates}; gate() {{ echo gate >&9; read -r _ <&8; }}\n"
        self._write(KEEP_ENVIRONMENT + compound("hello", PRELUDE + gate))
        assert self._process.stdout is not None
        self._lines = iter(self._process.stdout.readline, b"")
        assert next(self._lines) == b"hello done\n"

    def _write(self, code: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(code.encode())
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.communicate()
        os.close(self._go_on)

    def ask(self, code: str, last: str = "done") -> Iterator[list[str]]:
        """Make a request, and give the answer after as many empty ones as there are steps."""
        lines = [f"gate\n{line}" if line.startswith(STEPS) else line for line in code.split("\n")]
        self._write(compound("t", "\n".join(lines)))
        answer: list[str] = []
        while not {"done", last} <= {word for line in answer for word in line.split()[:1]}:
            line = next(self._lines).decode().rstrip("\n")
            if line == "gate":
                yield []
                os.write(self._go_on, b"\n")
            else:
                answer.append(line.removeprefix("t "))
                if answer[-1].startswith(("taken", "contended", "failed", "lost")):
                    last = "done"
        yield answer


def controller(world: World, name: str) -> Iterator[None]:
    """Arrive as RemoteControllers does, find the job ready, and do it."""
    shell = Shell(world.runs.parent / f"gates-{name}")
    try:
        own, lease = world.launching / f"launch-{name}", world.launching / f"alone-{name}"
        own.touch()
        yield
        for other in world.launching.glob("alone-*"):
            other.unlink(missing_ok=True)
            yield
        if list(world.launching.iterdir()) == [own]:
            yield
            lease.touch()
            yield
            if set(world.launching.iterdir()) != {own, lease}:
                lease.unlink(missing_ok=True)
        yield
        if not world.done:
            yield from _do(world, shell, name, lease)
        lease.unlink(missing_ok=True)
        own.unlink()
    finally:
        shell.close()


def _request(world: World, shell: Shell, ticketed: Ticketed, last: str) -> Iterator[str]:
    """Make a request of the launch, with its steps; the last thing is what became of it."""
    for answer in shell.ask(start_code(world.root, FACTS, [ticketed]), last):
        yield next((word for line in answer if (word := line.split()[0]) not in ("done", "ended")), "")


def _do(world: World, shell: Shell, name: str, lease: Path) -> Iterator[None]:
    order, owner = Order("job", f"#!/bin/sh\necho {name} >>{world.runs}\n"), f"owner {FACTS.identity} 1-{name}"
    word = "contended"
    if lease.exists():
        token = f"../.work.launching/alone-{name} ../.work.launching/launch-{name}"
        for became in _request(world, shell, Ticketed("t", order, owner, Step.CLAIM, token), "ended"):
            word = became
            yield
    if word == "contended":
        for became in _request(world, shell, Ticketed("t", order, owner, Step.RESERVE), "done"):
            word = became
            yield
        if word == "reserved" and not world.done:
            yield
            for became in _request(world, shell, Ticketed("t", order, owner, Step.LAUNCH), "ended"):
                word = became
                yield
        elif word == "reserved":
            for _ in shell.ask(revoke_reserved_code(world.root / "job", owner)):
                yield
            (world.root / "job").rename(world.reaped / f"job.{name}")
    if word == "started":
        yield
        world.done = True
        yield
        (world.root / "job").rename(world.reaped / f"job.{name}")
    else:
        assert word in ("taken", "reserved"), word


def advance(side: Iterator[None], steps: int) -> int:
    return sum(1 for _ in itertools.islice(side, steps))


def schedules(steps: int) -> Iterator[list[int]]:
    """How many steps the two take by turns, before they end."""
    for first in range(steps + 1):
        for second in range(first % 3, steps, 3):
            yield [first, second]
    for turns in itertools.product(range(1, 4), range(1, 4), range(1, 6)):  # as they arrive
        yield list(turns)
    chosen = random.Random(1)
    for _ in range(60):
        yield [chosen.randrange(1, 9) for _ in range(chosen.randrange(3, 7))]


@pytest.mark.requirement("pipeline.one-process")
@pytest.mark.timeout(180)
def test_whichever_of_two_is_held_up_wherever_the_job_is_done_once_over_ssh(tmp_path: Path) -> None:
    world = World(tmp_path / "alone")
    steps = advance(controller(world, "first"), 1000)
    assert steps > 10
    for number, schedule in enumerate(schedules(steps)):
        world = World(tmp_path / str(number))
        sides = [controller(world, name) for name in ("first", "second")]
        for turn, taken in enumerate([*schedule, 1000, 1000]):
            advance(sides[turn % 2], taken)
        if not world.done:  # each has left it to the other one, and finds it ready again
            advance(controller(world, "last"), 1000)
        assert (len(world.runs.read_text().split()), world.done) == (1, True), schedule
        assert not any(path for place in (world.root, world.launching) for path in place.iterdir())
