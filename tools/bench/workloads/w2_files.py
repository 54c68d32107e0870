"""W2, files: a job reads a text of 1 KiB, counts its words and writes the number; its completion is a YAML record.

The limit is one synchronous loop that does the same reads, and the same writes by way of a temporary file and a rename,
with the dumper that is written in C. It runs alone, so it waits for nothing and nobody; nor does it look for what is
done already, check ids, or keep a failing job from ending it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import yaml

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.sessions.session import Session
from pydatatask_exec.functions.in_process import InProcessSyncTask
from pydatatask_storage.files.files import FileRepository
from pydatatask_storage.yaml.files import YamlMetadataFileRepository
from tools.bench.peers import PEERS
from tools.bench.places import DISK, TMPFS, fresh_directory
from tools.bench.workload import AtLeast, FunctionCase, Goal, PeerCase, ScriptCase, Workload

if TYPE_CHECKING:
    from tools.bench.workload import Metrics

TEXT: Final = "word " * 204 + "end\n"
COUNT: Final = {TMPFS: 5_000, DISK: 1_000}
PLACES: Final = {"tmpfs": TMPFS, "disk": DISK}
DIRECTORIES: Final = ("texts", "counts", "done")
PEER_COUNT: Final = {"doit": 1_000, "parsl": 1_000, "dask": 1_000, "luigi": 300, "known": 1_000}
"""With how many jobs another system is measured; more would take it minutes."""


def _make_input(directory: Path, count: int) -> None:
    for name in DIRECTORIES:
        (directory / name).mkdir()
    for number in range(count):
        (directory / "texts" / f"j{number}.txt").write_text(TEXT, "utf-8")


def _check(directory: Path, count: int) -> None:
    for name in DIRECTORIES:
        if len(os.listdir(directory / name)) != count:
            raise RuntimeError(f"{name} has not what it should have")
    if (directory / "counts" / "j0.txt").read_text("utf-8") != "205":
        raise RuntimeError("the words have been miscounted")


def _write(path: str, text: str) -> None:
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(temporary, path)


def _limit_loop(directory: str) -> None:
    for name in sorted(os.listdir(f"{directory}/texts")):
        start = datetime.now(UTC)
        with open(f"{directory}/texts/{name}", encoding="utf-8") as file:
            words = len(file.read().split())
        _write(f"{directory}/counts/{name}", str(words))
        record = {"result": "success", "start_time": start, "end_time": datetime.now(UTC)}
        text = yaml.dump(record, Dumper=yaml.CSafeDumper, sort_keys=False)
        _write(f"{directory}/done/{name.removesuffix('.txt')}.yaml", text)


def limit(place: str) -> Metrics:
    """Do it by the loop."""
    count = COUNT[place]
    with fresh_directory(place) as directory:
        _make_input(directory, count)
        begun = perf_counter()
        _limit_loop(str(directory))
        seconds = perf_counter() - begun
        _check(directory, count)
    return {"jobs/s": count / seconds}


async def count_words(job: str, texts: BlobRepository, counts: BlobRepository) -> None:
    """Count the words of a text."""
    async with await texts.open(job) as text:
        words = len((await text.read()).split())
    async with await counts.open(job, "w") as out:
        await out.write(str(words))


def pipeline(directory: Path) -> Pipeline:
    """Make the pipeline as a user would."""
    task = InProcessSyncTask("count", YamlMetadataFileRepository(directory / "done"), func=count_words)
    task.link("texts", FileRepository(directory / "texts", ".txt"), is_input=True)
    task.link("counts", FileRepository(directory / "counts", ".txt"), is_output=True)
    return Pipeline([task], Session())


async def ours(place: str) -> Metrics:
    """Do it by a pipeline."""
    count = COUNT[place]
    with fresh_directory(place) as directory:
        _make_input(directory, count)
        async with pipeline(directory) as opened:
            begun = perf_counter()
            await opened.run()
            seconds = perf_counter() - begun
        _check(directory, count)
    return {"jobs/s": count / seconds}


def _peer(name: str, place: str) -> PeerCase:
    peer = PEERS[name]
    return PeerCase(peer, ScriptCase(name, peer.runs("w2", PEER_COUNT[name], place)))


def _workload(name: str, place: str) -> Workload:
    wanted = 0.6 if place == TMPFS else 0.9
    goals: list[Goal] = [AtLeast("run", "jobs/s", wanted, times="limit")]
    return Workload(
        name=f"w2-{name}",
        title=f"{COUNT[place]:,} small files on a {name}",
        cases=[FunctionCase("limit", partial(limit, place)), FunctionCase("run", partial(ours, place))],
        baseline="limit",
        goals=goals,
        rounds=7,
        peers=[_peer(peer, place) for peer in PEER_COUNT],
    )


def workloads() -> list[Workload]:
    """Give one for a tmpfs and one for a disk."""
    return [_workload(name, place) for name, place in PLACES.items()]
