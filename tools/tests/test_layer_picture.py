from __future__ import annotations

from pathlib import Path

import pytest

from tools.checks.layer_picture import BEGIN, END, PAGE, embed, flowchart, pictures, problems, update
from tools.workspace import ROOT


def test_the_pictures_are_up_to_date() -> None:
    assert problems(ROOT) == []


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    assert list(flowchart({"task": {"links", "errors"}, "links": {"errors"}, "errors": set()})) == [
        "flowchart TD",
        "  task --> links",
        "  links --> errors",
    ]


def test_names_that_mermaid_does_not_take() -> None:
    assert list(flowchart({"graph": {"pods/api", "errors"}, "pods/api": set(), "errors": set()})) == [
        "flowchart TD",
        '  graph_["graph"] --> errors & pods_api',
        '  pods_api["pods/api"]',
    ]


def test_a_part_that_has_no_arrow_is_drawn() -> None:
    assert list(flowchart({"names": set(), "task": {"errors"}, "errors": set()})) == [
        "flowchart TD",
        "  names",
        "  task --> errors",
    ]


def test_a_package_whose_parts_do_not_import_one_another_has_no_picture() -> None:
    drawn = pictures({"a": {"b"}, "b": set()}, {"a": {"x": {"y"}, "y": set()}, "b": {"z": set()}})
    assert drawn.count("```mermaid") == 2
    assert "`a`:" in drawn
    assert "`b`:" not in drawn


def test_pictures_that_are_not_up_to_date(tmp_path: Path) -> None:
    page = tmp_path / PAGE
    page.write_text(f"before\n{BEGIN}\nan old picture\n{END}\nafter\n")
    assert len(problems(tmp_path)) == 1
    update(tmp_path)
    assert problems(tmp_path) == []
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "an old picture" not in text
    assert pictures() in text


@pytest.mark.parametrize("lacking", [BEGIN, END])
def test_a_page_without_a_marker(tmp_path: Path, lacking: str) -> None:
    page = f"{BEGIN}\n{END}\n".replace(lacking, "")
    with pytest.raises(ValueError, match=lacking):
        embed(page)
    (tmp_path / PAGE).write_text(page)
    assert problems(tmp_path) == [f"{PAGE}: there is no {lacking}"]
