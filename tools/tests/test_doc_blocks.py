from __future__ import annotations

from pathlib import Path

import pytest

from tools.docs.blocks import PYTHON, Block, blocks, blocks_of
from tools.docs.commands import problems
from tools.docs.running import can_run, run
from tools.workspace import ROOT

ALL = blocks(ROOT)
RUNNABLE = [block for block in ALL if block.language == PYTHON and can_run(block)]


@pytest.mark.parametrize("block", RUNNABLE, ids=[block.place for block in RUNNABLE])
def test_the_documentation_runs(block: Block, tmp_path: Path) -> None:
    assert run(block, tmp_path) == ""


def test_the_commands_of_the_documentation_exist() -> None:
    assert [problem for block in ALL for problem in problems(block)] == []


def page(*parts: str) -> list[Block]:
    return blocks_of("\n".join(parts), "page.md")


def fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


def test_blocks_know_their_lines() -> None:
    (block,) = page("# Title", "", fence('python title="x"', "a = 1\nb = 2"))
    assert (block.language, block.line, block.lines, block.place) == ("python", 4, ["a = 1", "b = 2"], "page.md:4")
    assert block.source.splitlines()[3] == "a = 1"


def test_a_block_that_continues_is_part_of_the_one_before() -> None:
    block, other = page(fence("python", "a = 1"), fence("sh", "ls"), "<!-- continues -->", fence("python", "b = a"))
    assert other.language == "sh"
    assert [(n, line) for n, line in enumerate(block.source.splitlines(), 1) if line] == [(2, "a = 1"), (11, "b = a")]


def test_a_block_that_continues_nothing() -> None:
    with pytest.raises(ValueError, match=r"page\.md:3"):
        page("<!-- continues -->", fence("python", "b = a"))


def test_what_cannot_be_run(tmp_path: Path) -> None:
    marked, server, definitions = page(
        "<!-- types only: there is no such file -->",
        fence("python", "open('nothing')"),
        fence("python", "import asyncio, asyncssh\nasyncio.run(main())"),
        fence("python", "name = 'asyncssh'\nassert __name__ == 'definitions'\nif __name__ == '__main__': nothing"),
    )
    assert [can_run(block) for block in (marked, server, definitions)] == [False, False, True]
    assert run(definitions, tmp_path) == ""


def test_main_is_run_where_it_is_defined(tmp_path: Path) -> None:
    (block,) = page(fence("python", "async def main():\n    raise KeyError('ran')"))
    assert "KeyError: 'ran'" in run(block, tmp_path)


def test_scripts_are_asked_for_the_status(tmp_path: Path) -> None:
    (block,) = page(fence("python", "import sys\nif __name__ == '__main__':\n    sys.exit(sys.argv[1])"))
    assert run(block, tmp_path).endswith("status\n")


@pytest.mark.parametrize(
    "command",
    [
        "python main.py status",
        "ls | python main.py inject a.b c",
        "python main.py ls \\\n  'a.b - c.d'",
        "python main.py trace JOB…",
        "pydatatask -p main.py:pipeline run --forever",
        "tools/dev test",
        "pip install 'pydatatask[fuse]' pytest",
        "something else entirely 'it is",
    ],
)
def test_commands_that_exist(command: str) -> None:
    (block,) = page(fence("sh", command))
    assert problems(block) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("python main.py stat", "stat"),
        ("true && python main.py run --for-ever", "--for-ever"),
        ("pydatatask status", "-p"),
        ("tools/dev tset", "tset"),
        ("pip install pydatatask[s4]", "s4"),
        ("pip install pydatatask-io", "pydatatask-io"),
    ],
)
def test_commands_that_do_not(command: str, said: str) -> None:
    (block,) = page(fence("console", f"$ {command}\n$ true"))
    (problem,) = problems(block)
    assert problem.startswith("page.md:2: ")
    assert said in problem


def test_only_what_follows_a_prompt_is_typed() -> None:
    (block,) = page(fence("console", "$ true\npython main.py stat"))
    assert problems(block) == []
