from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from collections.abc import Set as AbstractSet

import pytest
from cli_pipelines import Library, Step, call_main, library
from typing_extensions import override

from pydatatask_cli import delete_data
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.sessions.session import Session
from pydatatask_storage import AggregateOrRepository
from pydatatask_storage.memory.metadata import InProcessMetadataRepository


def everywhere(*jobs: str) -> Library:
    """Make the library with the jobs in all repositories."""
    lib = library(*jobs)
    for repository in (lib.counts, lib.counted, lib.ranks, lib.ranked):
        repository.data.update({key: {} for key in jobs})
    return lib


def contents(lib: Library) -> dict[str, list[str]]:
    stores = {"books": lib.books, "counts": lib.counts, "counted": lib.counted, "ranks": lib.ranks}
    return {name: sorted(store.data) for name, store in {**stores, "ranked": lib.ranked}.items()}


@pytest.fixture
def lib() -> Library:
    return everywhere("b1", "b2")


BOTH = ["b1", "b2"]


@pytest.mark.requirement("cli.rm-link", "cli.rm-prints", "cli.functions-status", "cli.functions-stdout")
async def test_a_link_is_that_repository_alone(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await delete_data(lib.pipeline, "count.counts", False, ["b1"]) == 0
    assert contents(lib) == {"books": BOTH, "counts": ["b2"], "counted": BOTH, "ranks": BOTH, "ranked": BOTH}
    assert capsys.readouterr().out == "b1 count.counts\n"


@pytest.mark.requirement("cli.rm-task", "cli.rm-prints")
async def test_a_task_is_its_status_and_output(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await delete_data(lib.pipeline, "count", False, ["b1"]) == 0
    assert contents(lib) == {"books": BOTH, "counts": ["b2"], "counted": ["b2"], "ranks": BOTH, "ranked": BOTH}
    assert sorted(capsys.readouterr().out.splitlines()) == ["b1 count.counts", "b1 count.done"]


@pytest.mark.requirement("cli.rm-recursive", "cli.rm-prints")
async def test_recursively_a_link_is_everything_downstream(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await delete_data(lib.pipeline, "count.books", True, ["b1"]) == 0
    assert contents(lib) == {key: ["b2"] for key in ("books", "counts", "counted", "ranks", "ranked")}
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "b1 count.books",
        "b1 count.counts",
        "b1 count.done",
        "b1 rank-all.done",
        "b1 rank-all.ranks",
    ]


@pytest.mark.requirement("cli.rm-recursive")
async def test_recursively_a_task_keeps_its_input(lib: Library) -> None:
    assert await delete_data(lib.pipeline, "count", True, ["b1", "b2"]) == 0
    assert contents(lib) == {"books": BOTH, "counts": [], "counted": [], "ranks": [], "ranked": []}


@pytest.mark.requirement("cli.rm-recursive")
async def test_recursively_nothing_upstream_is_touched(lib: Library) -> None:
    assert await delete_data(lib.pipeline, "rank-all.ranks", True, ["b1"]) == 0
    assert contents(lib) == {"books": BOTH, "counts": BOTH, "counted": BOTH, "ranks": ["b2"], "ranked": BOTH}


@pytest.mark.requirement("cli.rm-all")
@pytest.mark.parametrize("recursive", [False, True])
async def test_all_means_every_job_of_every_repository_concerned(lib: Library, recursive: bool) -> None:
    lib.counts.data["stray"] = {}
    lib.ranks.data["leftover"] = {}
    assert await delete_data(lib.pipeline, "count", recursive, ["__all__"]) == 0
    left = {"ranks": [], "ranked": []} if recursive else {"ranks": ["b1", "b2", "leftover"], "ranked": BOTH}
    assert contents(lib) == {"books": BOTH, "counts": [], "counted": [], **left}
    assert await delete_data(lib.pipeline, "count", recursive, ["__all__"]) == 0


@pytest.mark.requirement("cli.rm-all")
def test_all_on_the_command_line(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "rm", "-r", "rank_all", "__all__") == 0
    assert contents(lib) == {"books": BOTH, "counts": BOTH, "counted": BOTH, "ranks": [], "ranked": []}


class Translated:
    """Pages of books: `scan` works on pages, each of which is translated to its book; `read` goes on from there."""

    def __init__(self, allow_deletes: bool = False) -> None:
        self.translator = InProcessMetadataRepository({"p1": "b1", "p2": "b1", "p3": "b2"})
        self.lib = everywhere("b1", "b2")
        pages: dict[str, object] = {key: {} for key in ("p1", "p2", "p3", "b1")}
        self.scanned, self.scans, self.read = (InProcessMetadataRepository(dict(pages)) for _ in range(3))
        scan = Step("scan", self.scanned, _nothing)
        scan.link("pages", self.translator, is_input=True)
        scan.plug(self.lib.count, translator=self.translator, translate_allow_deletes=allow_deletes)
        scan.link("scans", self.scans, is_output=True)
        read = Step("read", self.read, _nothing)
        read.plug(scan)
        self.pipeline = Pipeline([read, scan, self.lib.count, self.lib.rank], Session())

    @property
    def left(self) -> dict[str, list[str]]:
        stores = {"scanned": self.scanned, "scans": self.scans, "read": self.read}
        return {name: sorted(store.data) for name, store in stores.items()}


async def _nothing(job: str) -> None:
    pass


@pytest.mark.requirement("cli.rm-translated", "cli.rm-recursive")
async def test_ids_are_followed_through_a_translator_to_those_that_translate_to_the_job() -> None:
    setting = Translated()
    assert await delete_data(setting.pipeline, "count", True, ["b1"]) == 0
    assert setting.left == {key: ["b1", "p3"] for key in ("scanned", "scans", "read")}
    assert sorted(setting.translator.data) == ["p1", "p2", "p3"]
    assert contents(setting.lib) == {"books": BOTH, **{key: ["b2"] for key in ("counts", "counted", "ranks", "ranked")}}


@pytest.mark.requirement("cli.rm-translated")
async def test_a_translator_is_upstream_of_what_it_translates_for() -> None:
    setting = Translated()
    assert await delete_data(setting.pipeline, "scan.pages", True, ["p1"]) == 0
    assert setting.left == {key: ["b1", "p2", "p3"] for key in ("scanned", "scans", "read")}
    assert sorted(setting.translator.data) == ["p2", "p3"]
    assert contents(setting.lib) == contents(everywhere("b1", "b2"))


async def test_a_view_that_allows_deletes_is_deleted_from_and_its_tasks_notified() -> None:
    setting = Translated(allow_deletes=True)
    assert await delete_data(setting.pipeline, "scan.counts", False, ["p3"]) == 0
    assert sorted(setting.lib.counts.data) == ["b1"]
    assert setting.lib.count.forgotten == [("counts", "b2")]


async def test_a_view_that_does_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    setting = Translated()
    assert await delete_data(setting.pipeline, "scan.counts", False, ["p3"]) == 1
    assert "scan.counts is a TranslatedRepository" in capsys.readouterr().err
    assert sorted(setting.lib.counts.data) == BOTH


async def test_what_is_merely_combined_with_something_downstream_stays() -> None:
    lib, other = everywhere("b1", "b2"), InProcessMetadataRepository({"b1": {}})
    either = AggregateOrRepository(counts=lib.counts, other=other)
    join = Step("join", InProcessMetadataRepository({"b1": {}}), _nothing)
    join.link("either", either, is_input=True)
    pipeline = Pipeline([lib.count, lib.rank, join], Session())
    assert await delete_data(pipeline, "count", True, ["b1"]) == 0
    assert sorted(join.done.data if isinstance(join.done, InProcessMetadataRepository) else ["?"]) == []
    assert other.data == {"b1": {}}
    assert sorted(lib.counts.data) == ["b2"]
    assert await delete_data(pipeline, "join.either", False, ["b1", "b2"]) == 0
    assert (other.data, lib.counts.data) == ({}, {})


@pytest.mark.requirement("cli.rm-forgets")
async def test_tasks_end_what_a_job_stands_for_before_anything_is_deleted(lib: Library) -> None:
    present: list[int] = []

    async def forget(link: str, job: str) -> None:
        present.append(len(lib.counts.data) + len(lib.counted.data))

    lib.rank.forget = forget  # type: ignore[method-assign]  # the recursion must not delete in between either
    assert await delete_data(lib.pipeline, "count", True, ["b1"]) == 0
    assert sorted(lib.count.forgotten) == [("counts", "b1"), ("done", "b1")]
    assert len(present) == 4  # rank-all's own two, and the two that it has from count
    assert set(present) == {4}


@pytest.mark.requirement("cli.rm-order")
async def test_deletion_goes_downstream_and_takes_outputs_before_status() -> None:
    deleted: list[str] = []

    class Noting(InProcessMetadataRepository):
        name = ""

        @override
        async def delete_many(self, jobs: Iterable[str]) -> None:
            deleted.append(self.name)
            await super().delete_many(jobs)

    def noting(name: str) -> Noting:
        repository = Noting({"a": {}})
        repository.name = name
        return repository

    previous: Step | None = None
    tasks: list[Step] = []
    for name in ("one", "two", "three"):
        task = Step(name, noting(f"{name}.done"), _nothing)
        task.link(f"{name}-out", noting(f"{name}.out"), is_output=True)
        if previous is None:
            task.link("in", noting("one.in"), is_input=True)
        else:
            task.plug(previous)
        tasks.insert(0, task)
        previous = task
    assert await delete_data(Pipeline(tasks, Session()), "one.in", True, ["a"]) == 0
    assert len(deleted) == len(set(deleted)) == 7
    place = {name: index for index, name in enumerate(deleted)}
    assert place["one.in"] == 0
    for name, next_name in (("one", "two"), ("two", "three"), ("three", None)):
        assert place[f"{name}.out"] < place[f"{name}.done"]
        if next_name:
            assert place[f"{name}.done"] < place[f"{next_name}.out"]


async def test_tasks_that_depend_on_each_other_in_a_circle_are_no_problem() -> None:
    one, two = InProcessMetadataRepository({"a": 1}), InProcessMetadataRepository({"a": 1})
    tasks = [Step("t", InProcessMetadataRepository(), _nothing), Step("u", InProcessMetadataRepository(), _nothing)]
    for task, source, target in zip(tasks, (one, two), (two, one), strict=True):
        task.link("in", source, is_input=True)
        task.link("out", target, is_output=True)
    assert await delete_data(Pipeline(tasks, Session()), "t.in", True, ["a"]) == 0
    assert (one.data, two.data) == ({}, {})


async def test_a_job_that_is_nowhere_is_reported_and_the_others_go(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await delete_data(lib.pipeline, "count", False, ["b1", "nowhere", "not an id"]) == 1
    captured = capsys.readouterr()
    assert contents(lib)["counts"] == ["b2"]
    assert "nowhere, not an id" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.requirement("cli.error-unknown-name", "cli.user-errors")
@pytest.mark.parametrize("data", ["cuont", "count.doen", "count."])
def test_an_unknown_name_deletes_nothing(
    lib: Library, data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "rm", "-r", data, "__all__") == 2
    assert contents(lib) == contents(everywhere("b1", "b2"))
    assert capsys.readouterr().err.count("\n") == 1


async def test_many_jobs_are_deleted_in_bulk_and_printed_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [f"j{n:04}" for n in range(1000)]
    lib = library(*jobs)
    assert await delete_data(lib.pipeline, "count.books", False, ["__all__"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{job} count.books" for job in jobs]
    assert lib.books.data == {}


class Jammed(InProcessMetadataRepository):
    """A repository from which one job cannot be deleted."""

    @override
    async def delete(self, job: str) -> None:
        if job == "c":
            raise OSError(5, "Input/output error")
        await super().delete(job)


@pytest.mark.requirement("cli.rm-partial")
def test_what_was_deleted_before_a_failure_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lib = library()
    lib.count.link("jammed", Jammed(dict.fromkeys("abcde", 1)))
    assert call_main(monkeypatch, lib.pipeline, "rm", "count.jammed", "__all__") == 1
    captured = capsys.readouterr()
    assert captured.out == "a count.jammed\nb count.jammed\n"
    assert captured.err == (
        "main.py: error: Input/output error. It happened while 3 more jobs were to be deleted from count.jammed.\n"
    )


class Total(InProcessMetadataRepository):
    """One job for all the jobs of another repository, which it does not declare."""

    def __init__(self, parts: InProcessMetadataRepository) -> None:
        super().__init__()
        self.made_of = parts

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        if self.made_of.data:
            yield "".join(sorted(self.made_of.data))


class DeclaredTotal(Total):
    """The same, declared."""

    @override
    def sources(self) -> Sequence[Repository]:
        return (self.made_of,)

    @override
    async def jobs_from(self, source: Repository, job: str) -> AbstractSet[str]:
        return {total async for total in self}


def with_total(lib: Library, kind: type[Total]) -> tuple[Pipeline, InProcessMetadataRepository]:
    """Add a task that sums up all counts."""
    sums = InProcessMetadataRepository({"b1b2": {}})
    task = Step("sum", InProcessMetadataRepository({"b1b2": {}}), _nothing)
    task.link("total", kind(lib.counts), is_input=True)
    task.link("sums", sums, is_output=True)
    return Pipeline([lib.count, lib.rank, task], Session()), sums


@pytest.mark.requirement("cli.rm-not-followed")
async def test_what_is_made_of_an_undeclared_repository_stays_and_is_named(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline, sums = with_total(lib, Total)
    assert await delete_data(pipeline, "count.books", False, ["b2"]) == 0
    assert capsys.readouterr().err == ""
    assert await delete_data(pipeline, "count", True, ["b1"]) == 0
    assert set(sums.data) == {"b1b2"}
    note = capsys.readouterr().err
    assert "sum.total no longer has b1b2, but what was made of it stays" in note
    assert "Total does not say what it is made of" in note
    assert note.rstrip().endswith("rm -r sum b1b2")


@pytest.mark.requirement("cli.rm-not-followed", "cli.rm-recursive")
async def test_what_is_made_of_a_declared_repository_is_deleted(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline, sums = with_total(lib, DeclaredTotal)
    assert await delete_data(pipeline, "count", True, ["b1"]) == 0
    assert set(sums.data) == set()
    assert capsys.readouterr().err == ""


@pytest.mark.requirement("cli.rm-not-followed")
async def test_an_output_with_other_ids_than_its_task_is_named(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    lib.ranks.data.clear()
    lib.ranks.data |= {"page1": {}, "page2": {}}
    assert await delete_data(lib.pipeline, "count", True, ["b1"]) == 0
    assert set(lib.ranks.data) == {"page1", "page2"}
    assert "rank-all.ranks has other ids than the jobs of rank-all" in capsys.readouterr().err
