"""The dependency graph as a picture."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_pipelines import Bare, Library, Step, call_main, library, run_script, write_script
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_cli.commands.graph import print_graph
from pydatatask_cli.graph.dot import dot
from pydatatask_cli.graph.mermaid import mermaid
from pydatatask_cli.graph.picture import Arrow, Box, Kind, Line, Picture
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_storage import AggregateOrRepository, InProcessMetadataRepository, RelatedItemRepository

MERMAID = """\
flowchart LR
    t1["count<br/>Step"]
    t2["rank-all<br/>Step"]
    r1[("count.done<br/>InProcessMetadataRepository")]
    r2[("counts<br/>InProcessMetadataRepository")]
    r3[("seen<br/>Bare")]
    r4[("books<br/>InProcessBlobRepository")]
    r5[("rank-all.done<br/>InProcessMetadataRepository")]
    r6[("ranks<br/>InProcessMetadataRepository")]
    t1 -.-> r1
    t1 --> r2
    r3 --- t1
    r4 --> t1
    t2 -.-> r5
    r1 -->|"count_done"| t2
    r2 --> t2
    t2 --> r6
"""

DOT = """\
digraph pipeline {
    rankdir=LR;
    node [fontname="sans-serif"];
    edge [fontname="sans-serif"];
    t1 [label="count\\nStep", shape=box, style="rounded,bold"];
    t2 [label="rank-all\\nStep", shape=box, style="rounded,bold"];
    r1 [label="count.done\\nInProcessMetadataRepository\\n1 job", shape=cylinder];
    r2 [label="counts\\nInProcessMetadataRepository\\n0 jobs", shape=cylinder];
    r3 [label="seen\\nBare\\n0 jobs", shape=cylinder];
    r4 [label="books\\nInProcessBlobRepository\\n2 jobs", shape=cylinder];
    r5 [label="rank-all.done\\nInProcessMetadataRepository\\n0 jobs", shape=cylinder];
    r6 [label="ranks\\nInProcessMetadataRepository\\n0 jobs", shape=cylinder];
    t1 -> r1 [style=dashed];
    t1 -> r2;
    r3 -> t1 [arrowhead=none, style=dotted];
    r4 -> t1;
    t2 -> r5 [style=dashed];
    r1 -> t2 [label="count_done"];
    r2 -> t2;
    t2 -> r6;
}
"""


@pytest.fixture
def lib() -> Library:
    made = library("b1", "b2")
    made.counted.data["b1"] = {}
    return made


@pytest.mark.requirement("graph.mermaid")
async def test_mermaid_is_printed_by_default(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await print_graph(lib.pipeline) == 0
    assert capsys.readouterr().out == MERMAID


@pytest.mark.requirement("graph.dot", "graph.counts")
async def test_dot_with_counts(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await print_graph(lib.pipeline, "dot", counts=True) == 0
    assert capsys.readouterr().out == DOT


@pytest.mark.requirement("graph.counts")
async def test_counts_ask_each_repository_once(lib: Library) -> None:
    await print_graph(lib.pipeline, counts=True)
    assert lib.seen.listings == 1


async def test_without_counts_no_repository_is_asked(lib: Library) -> None:
    await print_graph(lib.pipeline)
    assert lib.seen.listings == 0


@pytest.mark.requirement("graph.deterministic")
def test_two_processes_print_the_same(tmp_path: Path) -> None:
    script = write_script(tmp_path, 'pipeline = library("b1", "b2").pipeline\n')
    first, second = (run_script(script, "graph", "--counts").stdout for _ in range(2))
    assert first == second
    assert first.startswith(b"flowchart LR\n")


async def _nothing(job: str) -> None:
    """Do nothing."""


@pytest.mark.requirement("graph.views")
async def test_views_and_combinators_are_shown_with_what_they_show(capsys: pytest.CaptureFixture[str]) -> None:
    orders = Bare()
    books = InProcessMetadataRepository()
    task = Step("read", InProcessMetadataRepository(), _nothing, disabled=True)
    task.link("both", AggregateOrRepository(old=books, new=orders), is_input=True)
    task.link("book", RelatedItemRepository(books, orders))
    task.link("stop", orders, inhibits_start=True)
    assert await print_graph(Pipeline([task], Session())) == 0
    assert capsys.readouterr().out == (
        "flowchart LR\n"
        '    t1["read<br/>Step<br/>disabled"]\n'
        '    r1[("done<br/>InProcessMetadataRepository")]\n'
        '    r2{{"both<br/>AggregateOrRepository"}}\n'
        '    r3[("InProcessMetadataRepository")]\n'
        '    r4[("stop<br/>Bare")]\n'
        '    r5{{"book<br/>RelatedItemRepository"}}\n'
        "    t1 -.-> r1\n"
        "    r2 --> t1\n"
        "    r3 ==> r2\n"
        "    r4 ==> r2\n"
        "    r5 --- t1\n"
        "    r3 ==> r5\n"
        "    r4 ==> r5\n"
        "    r4 --x t1\n"
    )


HOSTILE = 'a"b<c>&#d;`e\\n{f}|g\n[h]'


@pytest.mark.requirement("graph.escaped")
def test_labels_are_escaped() -> None:
    boxes = [Box("t1", Kind.TASK, (HOSTILE,)), Box("r1", Kind.VIEW, (HOSTILE, "1 job"))]
    picture = Picture(boxes, [Arrow("t1", "r1", Line.DATA, HOSTILE)])
    safe = "a#quot;b#lt;c#gt;#amp;#35;d;#96;e#92;n{f}|g [h]"
    assert mermaid(picture) == (
        f'flowchart LR\n    t1["{safe}"]\n    r1{{{{"{safe}<br/>1 job"}}}}\n    t1 -->|"{safe}"| r1\n'
    )
    assert 't1 [label="a\\"b<c>&#d;`e\\\\n{f}|g [h]", shape=box' in dot(picture)


@pytest.fixture(scope="module")
def graphviz() -> str:
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed: tools/system-packages installs it")
    return program


@pytest.mark.requirement("graph.escaped")
@given(text=st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20))
def test_graphviz_shows_any_label_as_it_is(graphviz: str, text: str) -> None:
    picture = Picture([Box("t1", Kind.TASK, (f"({text})",))], [Arrow("t1", "t1", Line.BLOCKS, f"({text})")])
    drawn = subprocess.run([graphviz, "-Tjson0"], input=dot(picture), capture_output=True, text=True, check=True)
    assert drawn.stderr == ""


@pytest.mark.requirement("graph.images")
@pytest.mark.parametrize(("ending", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
async def test_graphviz_draws_images(
    graphviz: str, lib: Library, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], ending: str, magic: bytes
) -> None:
    file = tmp_path / f"picture.{ending.upper()}"
    assert await print_graph(lib.pipeline, file=str(file)) == 0
    assert file.read_bytes().startswith(magic)
    assert await print_graph(lib.pipeline, kind=ending) == 0
    assert capsysbinary.readouterr().out.startswith(magic)


@pytest.mark.requirement("graph.images")
def test_without_graphviz_an_image_is_one_line_and_no_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lib: Library, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert call_main(monkeypatch, lib.pipeline, "graph", "-o", str(tmp_path / "g.svg")) == 1
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert "needs Graphviz" in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "begin"), [("g.dot", "digraph"), ("g.mmd", "flowchart"), ("g.txt", "flowchart")])
def test_the_ending_of_a_file_says_what_it_is_to_be(
    monkeypatch: pytest.MonkeyPatch, lib: Library, tmp_path: Path, name: str, begin: str
) -> None:
    (tmp_path / name).write_text("an older picture")
    assert call_main(monkeypatch, lib.pipeline, "graph", "-o", str(tmp_path / name)) == 0
    assert (tmp_path / name).read_text().startswith(begin)


@pytest.mark.requirement("cli.user-errors")
def test_a_file_that_cannot_be_written_and_an_unknown_format_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lib: Library, tmp_path: Path
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "graph", "-o", str(tmp_path / "no/g.dot")) == 1
    errors = capsys.readouterr().err
    assert "No such file or directory" in errors
    assert errors.rstrip().endswith("no/g.dot")
    assert call_main(monkeypatch, lib.pipeline, "graph", "--format", "gif") == 2
    assert "mermaid" in capsys.readouterr().err


@pytest.mark.requirement("cli.user-errors")
@pytest.mark.parametrize("name", ["g.pdf", "g.JPG"])
def test_a_file_with_the_ending_of_another_picture_is_refused_and_not_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lib: Library, tmp_path: Path, name: str
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "graph", "-o", str(tmp_path / name)) == 2
    assert "mermaid, dot, svg, png" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert call_main(monkeypatch, lib.pipeline, "graph", "--format", "dot", "-o", str(tmp_path / name)) == 0


async def test_a_png_is_nothing_for_a_terminal(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert await print_graph(lib.pipeline, "png") == 2
    assert "-o FILE" in capsys.readouterr().err


@pytest.mark.requirement("graph.special-files")
async def test_a_symbolic_link_stays_one(lib: Library, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("new")
    for name, target in (("link", "real"), ("dangling", "new")):
        assert await print_graph(lib.pipeline, file=str(tmp_path / name)) == 0
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_text() == MERMAID
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "link", "new", "real"]


@pytest.mark.requirement("graph.special-files")
async def test_a_named_pipe_is_written_once_somebody_reads_it(lib: Library, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    drawing = asyncio.ensure_future(print_graph(lib.pipeline, file=str(pipe)))
    await asyncio.sleep(0.01)
    assert not drawing.done()
    assert await asyncio.to_thread(pipe.read_text) == MERMAID
    assert await drawing == 0
    assert pipe.is_fifo()


@pytest.mark.requirement("graph.special-files")
async def test_waiting_for_the_reader_of_a_pipe_can_be_cancelled(lib: Library, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    drawing = asyncio.ensure_future(print_graph(lib.pipeline, file=str(tmp_path / "pipe")))
    await asyncio.sleep(0.01)
    drawing.cancel()
    await asyncio.wait([drawing])
    assert drawing.cancelled()


@pytest.mark.requirement("graph.special-files")
def test_standard_output_by_its_path_and_the_null_device(tmp_path: Path) -> None:
    script = write_script(tmp_path, 'pipeline = library("b1", "b2").pipeline\n')
    assert run_script(script, "graph", "-o", "/dev/stdout").stdout.startswith(b"flowchart LR\n")
    assert run_script(script, "graph", "-o", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()
