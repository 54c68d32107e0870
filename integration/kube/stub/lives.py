"""The lives of pods: those that their specification leads to, and those that an annotation asks for.

By default the command of each container is run as a local process. What would keep a kubelet from starting it does so
here, with the reasons that were recorded. The annotation `stub/life` asks for a script instead.
"""

from __future__ import annotations

import asyncio
import os
import signal
from decimal import Decimal
from pathlib import Path

from integration.kube.stub.kubelet import Life, PodHandle
from integration.kube.stub.pod_status import End, out_of_time, running, scheduled, terminated, unscheduled, waiting
from integration.kube.stub.statuses import Json
from pydatatask_core.quotas.quantity import parse_quantity

__all__ = ["LIVES", "choose"]

LIFE = "stub/life"
_ENOUGH = Decimal(64)
_USUAL_PLACE = "/dev/termination-log"
_LONGEST_MESSAGE = 4096


def choose(handle: PodHandle) -> Life:
    asked = handle.annotations.get(LIFE)
    if asked is not None:
        return LIVES[asked]
    spec = handle.spec
    if spec.get("nodeSelector") or _cpu(spec) > _ENOUGH:
        return unschedulable
    problems = {container["name"]: _problem(container) for container in spec["containers"]}
    stuck = {name: problem for name, problem in problems.items() if problem is not None}
    if stuck:
        return lambda handle: never_starts(handle, stuck)
    if any("configMap" in volume and "nosuch" in volume["configMap"].get("name", "") for volume in spec["volumes"]):
        return lambda handle: never_starts(handle, {})
    return processes


def _cpu(spec: Json) -> Decimal:
    requests = [container["resources"].get("requests", {}).get("cpu", 0) for container in spec["containers"]]
    return sum(map(parse_quantity, requests), Decimal(0))


def _problem(container: Json) -> tuple[str, str] | None:
    """Say why a kubelet could not start a container, in its own words."""
    image = container["image"]
    if image != image.lower() or " " in image:
        message = (
            f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": invalid reference '
            f"format: repository name (library/{image}) must be lowercase"
        )
        return "InvalidImageName", message
    if "nosuch" in image and container["imagePullPolicy"] == "Never":
        return "ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never'
    if "nosuch" in image:
        return "ErrImagePull", f'failed to pull and unpack image "{image}": failed to resolve image: not found'
    if any("secretKeyRef" in (entry.get("valueFrom") or {}) for entry in container.get("env", ())):
        return "CreateContainerConfigError", 'secret "nosuch" not found'
    return None


# Lives that lead nowhere


async def unschedulable(handle: PodHandle) -> None:
    message = (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available."
    )
    await handle.change(lambda pod: unscheduled(pod, "Unschedulable", message))


async def never_starts(handle: PodHandle, reasons: dict[str, tuple[str, str]]) -> None:
    await handle.change(scheduled)
    await handle.change(waiting)
    if reasons:
        await handle.change(lambda pod: waiting(pod, reasons))
    if "ErrImagePull" in {reason for reason, _ in reasons.values()}:
        back_off = {
            name: ("ImagePullBackOff", f"Back-off pulling image: {text}") for name, (_, text) in reasons.items()
        }
        await handle.pause()
        await handle.change(lambda pod: waiting(pod, back_off))


# Scripts


async def begin(handle: PodHandle) -> bool:
    """Come as far as running; return whether the pod has been deleted on the way."""
    await handle.change(scheduled)
    await handle.change(waiting)
    if await handle.pause():
        return True
    await handle.change(running)
    return False


async def quick(handle: PodHandle) -> None:
    """Succeed after a moment."""
    await scripted(handle, End(0))


async def fails(handle: PodHandle) -> None:
    await scripted(handle, End(3))


async def out_of_memory(handle: PodHandle) -> None:
    await scripted(handle, End(137, "OOMKilled"))


async def scripted(handle: PodHandle, end: End) -> None:
    deleted = await begin(handle) or await handle.pause()
    handle.write_log(f"log of {handle.name}\n".encode())
    await (killed(handle) if deleted else handle.finish(dict.fromkeys(handle.main, end)))


async def killed(handle: PodHandle) -> None:
    await asyncio.sleep(min(handle.grace, handle.kubelet.termination_seconds))
    await handle.finish(dict.fromkeys(handle.main, End(137)))


async def lasting(handle: PodHandle) -> None:
    """Run until deleted."""
    handle.write_log(b"still here\n")
    if not await begin(handle) and await handle.end_of_time():
        await handle.finish(dict.fromkeys(handle.main, End(137)), "Failed")
        await handle.change(out_of_time)
        return
    await killed(handle)


async def meshed(handle: PodHandle) -> None:
    """End but for the last container, which runs until it is killed."""
    *main, sidecar = handle.main
    if not await begin(handle):
        handle.write_log(b"main\n", main[0])
        await handle.change(lambda pod: terminated(pod, dict.fromkeys(main, End(0)), "Running"))
        await handle.deleted.wait()
    await handle.finish({sidecar: End(137)}, "Failed")


async def evicted(handle: PodHandle) -> None:
    """Be stopped as a whole, as the node runs out of something, before any container was started."""
    await handle.change(scheduled)

    def evict(pod: Json) -> None:
        pod["status"] |= {
            "phase": "Failed",
            "reason": "Evicted",
            "message": "The node was low on resource: memory.",
        }

    await handle.pause()
    await handle.change(evict)


async def init_fails(handle: PodHandle) -> None:
    await handle.change(scheduled)
    await handle.change(waiting)
    names = [container["name"] for container in handle.spec["initContainers"]]
    handle.write_log(b"no\n", names[0])
    await handle.change(lambda pod: terminated(pod, {names[0]: End(9)}, "Failed"))


# Processes


async def processes(handle: PodHandle) -> None:
    """Run the commands of the containers: init containers one by one, the others and the sidecars side by side."""
    await handle.change(scheduled)
    await handle.change(waiting)
    if await handle.pause():
        return
    spawned: dict[str, asyncio.subprocess.Process] = {}
    try:
        await _run_containers(handle, spawned)
    finally:
        for process in spawned.values():
            if process.returncode is None:
                _signal(process, signal.SIGKILL)
                await process.wait()


async def _run_containers(handle: PodHandle, spawned: dict[str, asyncio.subprocess.Process]) -> None:
    ends: dict[str, End] = {}
    sidecars = []
    for container in handle.spec.get("initContainers", ()):
        name = container["name"]
        process = await _spawn(handle, container)
        if isinstance(process, End):
            ends[name] = process
            await handle.change(lambda pod: terminated(pod, ends, "Failed"))
            return
        spawned[name] = process
        if container.get("restartPolicy") == "Always":
            sidecars.append(name)
            continue
        ends[name] = await _end(handle, spawned[name])
        if ends[name].code:
            await handle.change(lambda pod: terminated(pod, ends, "Failed"))
            return
    if ends:
        await handle.change(lambda pod: terminated(pod, ends, "Pending"))
    await handle.change(running)
    main: dict[str, End] = {}
    for container in handle.spec["containers"]:
        process = await _spawn(handle, container)
        if isinstance(process, End):
            main[container["name"]] = process
        else:
            spawned[container["name"]] = process
    running_now = [name for name in handle.main if name not in main]
    places = {container["name"]: _termination_log(container) for container in handle.spec["containers"]}
    results = await asyncio.gather(*(_end(handle, spawned[name], places[name]) for name in running_now))
    main |= dict(zip(running_now, results, strict=True))
    phase = "Failed" if any(end.code for end in main.values()) else "Succeeded"
    ends |= main
    for name in sidecars:
        _signal(spawned[name], signal.SIGKILL)
        await spawned[name].wait()
        ends[name] = End(0)
    await handle.finish(ends, phase)
    if handle.out_of_time:
        await handle.change(out_of_time)


async def _spawn(handle: PodHandle, container: Json) -> asyncio.subprocess.Process | End:
    """Start the process of a container, or return how the container ends if it cannot start."""
    try:
        return await _start(handle, container)
    except OSError as error:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
            f"runc create failed: unable to start container process: exec: {error}"
        )
        return End(128, "StartError", message)


async def _start(handle: PodHandle, container: Json) -> asyncio.subprocess.Process:
    if (place := _termination_log(container)) is not None:
        place.write_bytes(b"")
    command = [*container.get("command", ["true"]), *container.get("args", ())]
    environment = {entry["name"]: entry.get("value") or "" for entry in container.get("env", ())}
    with handle.log_path(container["name"]).open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOSTNAME": handle.name, **environment},
            cwd=container.get("workingDir"),
            start_new_session=True,
        )


async def _end(handle: PodHandle, process: asyncio.subprocess.Process, place: Path | None = None) -> End:
    ended = asyncio.ensure_future(process.wait())
    stopped = asyncio.ensure_future(handle.end_of_time())
    try:
        await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            _signal(process, signal.SIGTERM)
            of_its_own = handle.spec["terminationGracePeriodSeconds"]
            await asyncio.wait([ended], timeout=of_its_own if stopped.result() else handle.grace)
            _signal(process, signal.SIGKILL)
        code = await ended
        handle.out_of_time |= stopped.done() and stopped.result()
    finally:
        stopped.cancel()
    message = "" if place is None else place.read_bytes()[-_LONGEST_MESSAGE:].decode("utf-8", "replace")
    return End(code if code >= 0 else 128 - code, message=message)


def _termination_log(container: Json) -> Path | None:
    """The file of a container's termination message; there is no way to give a process one at the usual place."""
    place = container["terminationMessagePath"]
    return None if place == _USUAL_PLACE else Path(place)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


LIVES: dict[str, Life] = {
    "quick": quick,
    "fails": fails,
    "out-of-memory": out_of_memory,
    "lasting": lasting,
    "meshed": meshed,
    "evicted": evicted,
    "init-fails": init_fails,
    "processes": processes,
}
