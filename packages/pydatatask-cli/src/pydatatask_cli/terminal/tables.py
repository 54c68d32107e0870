"""Tables of ``status`` and ``trace`` on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from pydatatask_cli.terminal.link_rows import TaskRows, kind

__all__ = ["show_columns", "show_table"]


def show_table(rows: Iterable[TaskRows], heading: str, cells: Sequence[Sequence[str]], numeric: bool) -> None:
    """Print a table with a section for each task and a row for each link.

    :param rows: The links.
    :param heading: The heading of the last column.
    :param cells: The last column: for each task a text for each link.
    :param numeric: Whether the last column has numbers.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in ("task", "link", "kind"):
        table.add_column(name, no_wrap=True)
    table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row, texts in zip(rows, cells, strict=True):
        for index, (data, text) in enumerate(zip(row.data, texts, strict=True)):
            task = Text(row.task.name if index == 0 else "", style="bold")
            table.add_row(task, Text(data.name), Text(kind(data.link), style="dim"), Text(text))
        table.add_section()
    Console(file=sys.stdout).print(table)


def show_columns(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of texts.

    :param headings: The heading of each column.
    :param rows: The texts of each row; the last one, and names of jobs, may be long.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading not in ("job", headings[-1]), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout).print(table)
