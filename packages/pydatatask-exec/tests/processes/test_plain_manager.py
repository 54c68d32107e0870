"""A process manager of somebody else's, which defines the documented members and nothing more."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from process_doubles import Bench, Blobs, until
from typing_extensions import override

from pydatatask_core import AReadText, AWriteText
from pydatatask_exec import STDOUT, StderrIsStdout
from pydatatask_exec.processes.local.files import LocalReader, LocalWriter
from pydatatask_exec.processes.manager import AbstractProcessManager

SH = "#!/bin/sh\n"


class DocumentedManager(AbstractProcessManager):
    """Runs processes of asyncio, whose identifiers are words."""

    def __init__(self, basedir: Path) -> None:
        self._basedir = basedir
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.spawned: list[list[str]] = []
        self._waiting: set[asyncio.Task[None]] = set()

    @property
    @override
    def basedir(self) -> Path:
        return self._basedir

    @override
    async def get_live_pids(self, hint: set[str]) -> set[str]:
        return {pid for pid, process in self.processes.items() if process.returncode is None}

    @override
    async def spawn(
        self,
        args: list[str],
        environ: dict[str, str],
        cwd: str,
        return_code: str,
        stdin: str | None,
        stdout: str | None,
        stderr: str | StderrIsStdout | None,
    ) -> str:
        def opened(path: str | None, flags: int) -> int:
            return os.open(path or os.devnull, flags | os.O_CREAT, 0o600)

        def open_all() -> tuple[int, int, int]:
            out = opened(stdout, os.O_WRONLY)
            return (
                opened(stdin, os.O_RDONLY),
                out,
                out if stderr is STDOUT else opened(str(stderr or os.devnull), os.O_WRONLY),
            )

        streams = await asyncio.to_thread(open_all)
        process = await asyncio.create_subprocess_exec(
            *args, env=os.environ | environ, cwd=cwd, stdin=streams[0], stdout=streams[1], stderr=streams[2]
        )
        for stream in set(streams):
            os.close(stream)
        pid = f"process {len(self.processes)}"
        self.processes[pid] = process
        self.spawned.append(args)
        self._waiting.add(asyncio.create_task(self._record(process, Path(return_code))))
        return pid

    async def _record(self, process: asyncio.subprocess.Process, path: Path) -> None:
        code = await process.wait()
        await asyncio.to_thread(path.write_text, str(code))

    @override
    async def kill(self, pid: str) -> None:
        process = self.processes.get(pid)
        if process is not None and process.returncode is None:
            process.kill()

    @override
    async def open(self, path: Path, mode: str) -> Any:
        match mode:
            case "rb":
                return await LocalReader.open(str(path))
            case "wb":
                return await LocalWriter.open(path)
        return await self._open_text(path, mode)

    async def _open_text(self, path: Path, mode: str) -> Any:
        return AReadText(await LocalReader.open(str(path))) if mode == "r" else AWriteText(await LocalWriter.open(path))

    @override
    async def mkdir(self, path: Path) -> None:
        await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)

    @override
    async def rmtree(self, path: Path) -> None:
        await asyncio.to_thread(shutil.rmtree, path)


@pytest.mark.requirement("manager.documented-members")
async def test_a_manager_with_just_the_documented_members_works(tmp_path: Path) -> None:
    jobs = tuple(f"job{number}" for number in range(20))
    stdin = Blobs({job: job.encode() * 20_000 if job == "job7" else job.encode() for job in jobs})
    manager = DocumentedManager(tmp_path)
    bench = Bench(
        tmp_path,
        SH + "cat; echo $VARIABLE >&2; exit 2",
        jobs,
        cpu=5,
        manager=manager,
        stdin=stdin,
        environ={"VARIABLE": "x"},
    )
    await bench.run()
    assert bench.stdout.data == stdin.data
    assert set(bench.stderr.data.values()) == {b"x\n"}
    assert {record["return_code"] for record in bench.done.data.values()} == {2}
    assert len(manager.spawned) == 20
    assert (bench.pids.data, bench.leftovers) == ({}, [])


async def test_interpreters_and_interleaving(tmp_path: Path) -> None:
    manager = DocumentedManager(tmp_path)
    bench = Bench(tmp_path, "#!/usr/bin/env -S sh -e\necho 1; echo 2 >&2; echo 3", manager=manager, stderr=STDOUT)
    await bench.run()
    assert bench.stdout.data == {"job": b"1\n2\n3\n"}
    assert manager.spawned[0][:2] == ["/usr/bin/env", "-S sh -e"]


async def test_a_process_without_an_exit_code_is_recorded_as_failed(tmp_path: Path) -> None:
    manager = DocumentedManager(tmp_path)
    bench = Bench(tmp_path, SH, manager=manager)
    bench.pids.data["job"] = {"pid": "gone", "start_time": None}
    await bench.run()
    assert bench.done.data["job"]["return_code"] is None
    assert "no exit code" in bench.done.data["job"]["reason"]


async def test_killing_clears_the_claim(tmp_path: Path) -> None:
    manager = DocumentedManager(tmp_path)
    bench = Bench(tmp_path, SH + "exec sleep 1000", manager=manager)
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        (process,) = manager.processes.values()
        await bench.task.forget("pids", "job")
        await until(lambda: process.returncode is not None)
        bench.pids.data.clear()
        bench.inputs.data.clear()
        await pipeline.run(timeout=20)
    assert (bench.done.data, bench.leftovers) == ({}, [])
