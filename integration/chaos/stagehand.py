"""Who carries disturbances out."""

from __future__ import annotations

import asyncio
import random
import signal
import string
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from integration.chaos import journal, victims
from integration.chaos.disturbances import Disturbance
from integration.chaos.supervisor import Supervisor
from integration.chaos.world import World
from integration.faulty_proxy import Fault
from integration.kube.stub.statuses import ApiError
from pydatatask_storage.files.staged import staged_name

FIRST_JOBS = 12


@dataclass
class Stagehand:
    """Carries disturbances out, one after the other; those that last go on meanwhile."""

    world: World
    supervisor: Supervisor
    texts: dict[str, bytes] = field(default_factory=dict)
    """The inputs that there are, by job."""
    _letters: random.Random = field(default_factory=lambda: random.Random(0))
    _began: float = field(default_factory=time.monotonic)

    async def perform(self, disturbances: Sequence[Disturbance]) -> None:
        """Let the pipeline run, and let things go wrong."""
        self.bring((0.01,) * FIRST_JOBS)
        async with self.supervisor.keeping(), asyncio.TaskGroup() as lasting:
            for disturbance in disturbances:
                await asyncio.sleep(disturbance.after)
                self.bring(disturbance.arrivals)
                print(f"{time.monotonic() - self._began:7.2f} {disturbance}")  # noqa: T201 - shown if the test fails
                act: Callable[[Disturbance], Coroutine[Any, Any, None]] = getattr(self, disturbance.kind)
                if disturbance.seconds:
                    lasting.create_task(act(disturbance))
                else:
                    await act(disturbance)

    def bring(self, sizes: Sequence[float]) -> None:
        """Let inputs appear, each whole at once; one of another name is never finished."""
        directory = self.world.scene.path("texts")
        for size in sizes:
            job = f"j{len(self.texts):04}"
            text = "".join(self._letters.choices(string.ascii_letters + " \n", k=50)).encode()
            self.texts[job] = (job.encode() + text * (int(size * self.world.scene.part) // len(text) + 1))[:-1]
            staged = directory / staged_name(f"{job}.txt")
            staged.write_bytes(self.texts[job])
            staged.rename(directory / f"{job}.txt")
        (directory / staged_name("unfinished.txt")).touch()

    # The pipeline

    async def kill_pipeline(self, _: Disturbance) -> None:
        await self.supervisor.end(signal.SIGKILL)

    async def stop_pipeline(self, _: Disturbance) -> None:
        await self.supervisor.end(signal.SIGTERM)

    # The stores

    async def cut(self, disturbance: Disturbance) -> None:
        self.world.proxies[disturbance.where].cut()

    async def refuse(self, disturbance: Disturbance) -> None:
        await self.world.refuse(disturbance.where, disturbance.seconds)

    async def fall_silent(self, disturbance: Disturbance) -> None:
        await self.world.silence(disturbance.where, disturbance.seconds)

    async def fail_s3(self, disturbance: Disturbance) -> None:
        self._plan(Fault(disturbance.where, disturbance.times, status=disturbance.status))

    async def slow_s3_down(self, disturbance: Disturbance) -> None:
        self._plan(Fault(disturbance.where, disturbance.times, delay=disturbance.seconds, pause=disturbance.seconds))

    async def cut_s3_answer(self, disturbance: Disturbance) -> None:
        self._plan(Fault(disturbance.where, disturbance.times, cut_response_after=int(disturbance.chance * 2000)))

    async def cut_s3_request(self, disturbance: Disturbance) -> None:
        self._plan(Fault(disturbance.where, disturbance.times, cut_request_after=int(disturbance.chance * 100_000)))

    def _plan(self, fault: Fault) -> None:
        self.world.s3_faults.faults.append(fault)

    async def fail_cluster(self, disturbance: Disturbance) -> None:
        def error() -> ApiError:
            error = ApiError(disturbance.status, "this is a bad moment", "TooManyRequests")
            if disturbance.status == 429:
                error.headers["Retry-After"] = "0"
            return error

        self.world.stub.faults.fail(disturbance.where, error, disturbance.times)

    async def cut_watch(self, _: Disturbance) -> None:
        self.world.stub.watches.cut()

    async def expire_watch(self, _: Disturbance) -> None:
        await self.world.stub.watches.end()
        self.world.stub.store.compact()

    # The jobs

    async def kill_process(self, disturbance: Disturbance) -> None:
        self._kill("rotate", disturbance.chance, disturbance.where)

    async def kill_supervisor(self, disturbance: Disturbance) -> None:
        """Kill a process that looks after others; it is stopped first, so that it is clear which."""
        scene = self.world.scene
        supervisor = victims.chosen(victims.supervisors(scene), disturbance.chance)
        if supervisor is not None:
            victims.send(supervisor, signal.SIGSTOP)
            for job in victims.jobs_of(scene, supervisor):
                journal.write(scene.journal, "killed", "rotate", job, "supervisor")
            victims.send(supervisor, signal.SIGKILL)

    async def kill_pod(self, disturbance: Disturbance) -> None:
        self._kill("digest", disturbance.chance, "all")

    def _kill(self, task: str, chance: float, manner: str) -> None:
        victim = victims.chosen(victims.running(self.world.scene, task), chance)
        if victim is not None:
            journal.write(self.world.scene.journal, "killed", task, victim.job, manner)
            victims.kill(victim.pid, manner)

    async def delete_pod(self, disturbance: Disturbance) -> None:
        pod = victims.chosen(victims.pods(self.world.stub), disturbance.chance)
        if pod is not None:
            journal.write(self.world.scene.journal, "evicted", "digest", pod.job, "deleted")
            await self.world.stub.writer.delete(pod.namespace, pod.name, {}, {})

    async def evict_pod(self, disturbance: Disturbance) -> None:
        pod = victims.chosen(victims.pods(self.world.stub), disturbance.chance)
        if pod is not None:
            journal.write(self.world.scene.journal, "evicted", "digest", pod.job, "evicted")
            why = ("EvictionByEvictionAPI", "Eviction API: evicting")
            await self.world.stub.writer.evict(pod.namespace, pod.name, *why)

    async def forget_process(self, disturbance: Disturbance) -> None:
        """Have a process killed and forgotten by the command line, which may fail where a store does."""
        victim = victims.chosen(victims.running(self.world.scene, "rotate"), disturbance.chance)
        if victim is not None:
            journal.write(self.world.scene.journal, "forgot", "rotate", victim.job, "rm")
            await self.supervisor.command("rm", "rotate.pids", victim.job)
