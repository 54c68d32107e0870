"""The referee: has the pipeline run undisturbed at last, and finds all that is not as it has to be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from integration.chaos import journal
from integration.chaos.expectations import expected_values
from integration.chaos.journal_rules import TASKS, journal_problems
from integration.chaos.record_rules import has_failed, record_problems
from integration.chaos.side_door import DECOYS, Records, SideDoor, Values
from integration.chaos.supervisor import Life, Supervisor
from integration.chaos.world import World
from integration.processes import processes_that_mention

_SECONDS_TO_COMPLETE = 300.0
_SECONDS_TO_DIE = 5.0


@dataclass
class Referee:
    """Watches over the pipeline's lives, and judges by what has come of them."""

    world: World
    door: SideDoor
    problems: list[str] = field(default_factory=list)
    _excused: set[str] = field(default_factory=set)
    _killed: set[str] = field(default_factory=set)

    async def after_life(self, life: Life) -> None:
        """Look what it has left unfinished; only one that was killed may."""
        staged, uploads = self.door.staged(), await self.door.uploads()
        if life.is_killed:
            self._killed.add(str(life.pid))
            self._excused |= staged | uploads.keys()
        interrupted = self._interrupted()  # its last request may come to S3 when it is no more
        left = staged | {f"{upload} of {job}" for upload, job in uploads.items() if job not in interrupted}
        self.problems += [f"life {life.number} has left {name}" for name in sorted(left) if not self._is_excused(name)]
        self._excused |= staged | uploads.keys()

    def _is_excused(self, name: str) -> bool:
        return name.partition(" ")[0] in self._excused

    def _interrupted(self) -> set[str]:
        """Give the jobs that a pipeline was storing when it was killed."""
        entries = [entry for entry in self._entries() if entry.task == "store" and entry.detail in self._killed]
        begun = {(entry.job, entry.detail) for entry in entries if entry.what == "start"}
        over = {(entry.job, entry.detail) for entry in entries if entry.what in ("end", "fail")}
        return {job for job, _ in begun - over}

    async def judge(self, supervisor: Supervisor, texts: Mapping[str, bytes]) -> list[str]:
        """Let all come to its end, and what was made to fail be done again; give what is wrong then."""
        await supervisor.run_to_completion(_SECONDS_TO_COMPLETE)
        records = await self.door.records()
        self._check(record_problems(records, self._entries()))
        await self._remove_failures(supervisor, records)
        await supervisor.run_to_completion(_SECONDS_TO_COMPLETE)
        records = await self.door.records()
        self._check(_wrong_values(await self.door.values(), texts))
        self._check(_missing_records(records, texts))
        self._check(record_problems(records, self._entries()))
        self._check(journal_problems(self._entries(), texts.keys()))
        await self._check_counts(supervisor, len(texts))
        self._check(await self._left())
        return supervisor.problems + self.problems

    def _check(self, problems: Iterator[str] | list[str]) -> None:
        self.problems += problems

    def _entries(self) -> list[journal.Entry]:
        return journal.read(self.world.scene.journal)

    async def _remove_failures(self, supervisor: Supervisor, records: Mapping[str, Records]) -> None:
        """Have jobs that failed done again, with all that came of them."""
        removed: set[str] = set()
        for number, task in enumerate(TASKS):
            failed = [job for job, record in records[task].items() if has_failed(task, record)]
            if task == "digest":
                failed += await self._logs_without_record(records[task])
            failed = [job for job in failed if job not in removed]  # that has gone with what it came of
            removed |= set(failed)
            if not failed:
                continue
            print(f"{task} failed for {failed}")  # noqa: T201 - shown if the test fails
            for later in TASKS[number:]:
                for job in failed:
                    journal.write(self.world.scene.journal, "removed", later, job, "rm")
            status, _ = await supervisor.command("rm", "-r", task, *failed)
            if status:
                self.problems.append(f"rm -r {task} ended with status {status}")

    async def _logs_without_record(self, records: Records) -> list[str]:
        """Give the jobs whose pods somebody has deleted after their logs were kept, while no pipeline was there."""
        evicted = {entry.job for entry in self._entries() if (entry.what, entry.task) == ("evicted", "digest")}
        return sorted((await self.door.values())["digests"].keys() & evicted - records.keys())

    async def _check_counts(self, supervisor: Supervisor, jobs: int) -> None:
        """See that the command line counts what there is, and no file that was left half-written."""
        status, output = await supervisor.command("status", "--all", "--json")
        counts = json.loads(output) if status == 0 else {}
        decoyed = dict.fromkeys((("rotate", "stdin"), ("digest", "stdout")), jobs + 1)
        decoyed |= {("digest", "logs"): jobs + 1, ("rotate", "pids"): 0, ("digest", "live"): 0}
        plain = {("store", "texts"), ("report", "reports"), *((task, "done") for task in TASKS)}
        for (task, link), expected in (dict.fromkeys(plain, jobs) | decoyed).items():
            found = counts.get(task, {}).get(link)
            if found != expected:
                self.problems.append(f"{task}.{link} has {found} jobs, and not {expected}")

    async def _left(self) -> list[str]:
        scene = self.world.scene
        names = ("rotate", ".rotate.reaped", ".rotate.staged", ".rotate.launching")
        places = [scene.targets / scene.app / name for name in names]
        left = [f"directory {path}" for place in places if place.exists() for path in place.iterdir()]
        left += [f"pid {job}" for job in await self.door.documents("pids")]
        left += [f"pod {name}" for name in self.world.stub.store.pods]
        return left + [f"process {line}" for line in await self._processes()]

    async def _processes(self) -> list[str]:
        """Give the processes that are left over, once those that are dying have had time for it."""
        lines: list[str] = []
        for _ in range(int(_SECONDS_TO_DIE * 10)):
            lines = processes_that_mention(self.world.scene.directory)
            if not lines:
                break
            await asyncio.sleep(0.1)
        return lines


def _wrong_values(values: Mapping[str, Values], texts: Mapping[str, bytes]) -> Iterator[str]:
    for repository, expected in expected_values(texts).items():
        found = dict(values[repository])
        decoy = DECOYS.get(repository)
        if decoy is not None and found.pop(decoy, None) != b"not ready":
            yield f"{repository} {decoy}: it has been touched"
        for job in sorted(expected.keys() | found.keys()):
            if found.get(job) != expected.get(job):
                yield f"{repository} {job}: {_brief(found.get(job))} instead of {_brief(expected.get(job))}"


def _missing_records(of_all: Mapping[str, Records], texts: Mapping[str, bytes]) -> Iterator[str]:
    for task, records in of_all.items():
        if records.keys() != texts.keys():
            yield f"records of {task} differ in {sorted(records.keys() ^ texts.keys())}"
        for job, record in records.items():
            if has_failed(task, record):
                yield f"{task} {job} has failed although nothing was disturbed: {dict(record)}"


def _brief(value: bytes | None) -> str:
    return "nothing" if value is None else f"{len(value)} bytes {value[:60]!r}"
