"""Two controllers that claim one job, each held up at each of its steps while the other goes on: it is done once."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pydatatask_exec.processes.identity import ProcessIdentity
from pydatatask_exec.processes.identity_file import Owner
from pydatatask_exec.processes.local import job_directory, other_controllers
from pydatatask_exec.processes.local.other_controllers import Lease, OtherControllers
from pydatatask_exec.processes.local.supervisor import claims
from pydatatask_exec.processes.local.supervisor.claims import NotExclusiveError, claim_job
from pydatatask_exec.processes.workspace import Order, staged_name

STEPS = frozenset({"mkdir", "rename", "listdir", "open", "unlink", "link"})
TOKEN = 1


class Side:
    """A thread that stops before each of its steps until it may go on."""

    current = threading.local()

    def __init__(self, work: Callable[[], None]) -> None:
        self._may_step = threading.Semaphore(0)
        self._has_stopped = threading.Semaphore(0)
        self._work = work
        self.ended = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._has_stopped.acquire()

    def _run(self) -> None:
        Side.current.side = self
        try:
            Side.step()
            self._work()
        except BaseException as error:
            self.error = error
        self.ended = True
        self._has_stopped.release()

    @staticmethod
    def step() -> None:
        """Stop, in the thread of a side."""
        side = getattr(Side.current, "side", None)
        if isinstance(side, Side):
            side._has_stopped.release()
            side._may_step.acquire()

    def advance(self, steps: int) -> None:
        """Let the side take so many steps, or as many as it has."""
        while steps and not self.ended:
            self._may_step.release()
            self._has_stopped.acquire()
            steps -= 1
        if self.ended:
            self._thread.join()
            if self.error is not None:
                raise self.error

    def finish(self) -> None:
        self.advance(10_000)


class SteppingOS:
    """The module os, where the calls that matter are steps."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if name not in STEPS:
            return found

        def call(*args: Any, **options: Any) -> Any:
            Side.step()
            return found(*args, **options)

        return call


class SupervisorOS(SteppingOS):
    """The same in a supervisor, where a rename may be held up within the call, and the token notices nothing."""

    def rename(self, source: bytes, target: bytes) -> None:
        Side.step()
        parent = os.open(os.path.dirname(source), os.O_RDONLY | os.O_DIRECTORY)
        try:
            Side.step()  # between looking up the directory and moving what is in it
            os.rename(os.path.basename(source), target, src_dir_fd=parent)
        finally:
            os.close(parent)

    def stat(self, _path: bytes) -> SimpleNamespace:
        return SimpleNamespace(st_mtime_ns=TOKEN)


@pytest.fixture
def stepping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "os", SupervisorOS())
    monkeypatch.setattr(other_controllers, "os", SteppingOS())
    monkeypatch.setattr(job_directory, "os", SteppingOS())
    monkeypatch.setattr(job_directory, "_remove_tree", remove_tree)


def remove_tree(path: str) -> None:
    """Remove a directory step by step."""
    with suppress(FileNotFoundError, OSError):
        for parent, directories, files in os.walk(path, topdown=False):
            for name in files:
                Side.step()
                os.unlink(f"{parent}/{name}")
            for name in directories:
                os.rmdir(f"{parent}/{name}")
        os.rmdir(path)


class World:
    """One job, and where its claims are made."""

    def __init__(self, directory: Path) -> None:
        self.root, self.reaped = directory / "work", directory / "reaped"
        self.launching = directory / "launching"
        for path in (self.root, self.reaped, self.launching):
            path.mkdir(parents=True)
        self.me = str(ProcessIdentity.now(os.getpid()))
        self.runs: list[str] = []
        self.done = False


class Controller:
    """What a pipeline and its supervisor do for a job."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self._others = OtherControllers(world.launching)
        self._staging = staged_name(name, world.me)

    def run(self) -> None:
        """Arrive, find the job ready, and do it."""
        world = self.world
        self._others.enter(self._staging)
        lease = self._others.check(world.me)
        Side.step()
        if not world.done:
            self._do(lease)
        self._others.lose(self._others.lease)
        self._others.remove_lost()
        self._others.leave(self._staging)

    def _do(self, lease: Lease | None) -> None:
        if lease is not None:
            with suppress(NotExclusiveError):
                return self._start(lease.staging, "alone", TOKEN)
        owner = Owner(self.world.me, f"1-{self.name}")
        staging = self.world.launching / self._staging
        directory = str(self.world.root / "job")
        if not job_directory.reserve(directory, f"{staging}/reserve-{owner.attempt}", owner):
            return None
        Side.step()
        if self.world.done:
            job_directory.release(self.world.root, self.world.reaped, "job", owner)
            return None
        return self._start(staging, owner.attempt, None, owner)

    def _start(self, staging: Path, attempt: str, token: int | None, owner: Owner | None = None) -> None:
        world = self.world
        claim = job_directory.claim_of(
            Order("job", "#!/bin/sh\n", b"input"),
            str(world.root / "job"),
            str(staging),
            owner or Owner(world.me, attempt),
            token,
            reserved=owner is not None,
        )
        claimed = claim_job(claim, f"{self.name}-1".encode(), world.me.encode())
        if claimed is None:
            return
        assert {path.name for path in (world.root / "job").iterdir()} >= {"exe", "cwd", "stdin", "pid", "return_code"}
        world.runs.append(self.name)
        os.close(claimed.record)
        claimed.complete(world.me.encode())
        Side.step()
        world.done = True
        Side.step()
        job_directory.remove(world.reaped, job_directory.retire(world.root, world.reaped, ["job"]))


def steps_alone(directory: Path) -> int:
    world = World(directory)
    side = Side(Controller(world, "first").run)
    steps = 0
    while not side.ended:
        side.advance(1)
        steps += 1
    assert world.runs == ["first"]
    return steps


def schedules(steps: int) -> Iterator[list[int]]:
    """How many steps the two take by turns, before they end: each is held up once at each step, then more often."""
    for first in range(steps + 1):
        for second in range(0, steps, 2):
            yield [first, second + first % 2]
            yield [first, second + first % 2, 0]
    for turns in itertools.product(range(1, 7), range(1, 7), range(1, 9)):  # as they arrive
        yield list(turns)
    chosen = random.Random(1)
    for _ in range(400):
        yield [chosen.randrange(1, 12) for _ in range(chosen.randrange(3, 8))]


@pytest.mark.usefixtures("stepping")
@pytest.mark.requirement("pipeline.one-process")
def test_whichever_of_two_is_held_up_wherever_the_job_is_done_once(tmp_path: Path) -> None:
    steps = steps_alone(tmp_path / "alone")
    assert steps > 15
    for number, schedule in enumerate(schedules(steps)):
        world = World(tmp_path / str(number))
        sides = [Side(Controller(world, name).run) for name in ("first", "second")]
        for turn, taken in enumerate(schedule):
            sides[turn % 2].advance(taken)
        for turn in (len(schedule), len(schedule) + 1):
            sides[turn % 2].finish()
        if not world.done:  # each has left it to the other one, and finds it ready again
            Controller(world, "last").run()
        assert (len(world.runs), world.done) == (1, True), schedule
        assert not any(path for place in (world.root, world.launching) for path in place.iterdir())
