"""``status``: how many jobs each repository has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command, add_json_option
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.notes import ask_for_remarks, write_remarks
from pydatatask_cli.terminal.overview import ask_each_once, task_rows
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.scheduling.listing import Listing

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "print_status"]


def add_parser(commands: SubParsers) -> None:
    """Put the command on the menu.

    :param commands: The menu.
    """
    parser = add_command(commands, "status", print_status, "View the pipeline status", Access.OBSERVE)
    parser.add_argument(
        "-a",
        "--all",
        dest="all_repos",
        action="store_true",
        help="show also links that are neither input, output nor status",
    )
    add_json_option(parser, '{"TASK": {"LINK": COUNT}}')


@returns_status
async def print_status(pipeline: Pipeline, all_repos: bool, *, as_json: bool = False) -> int:
    """Print for each task how many jobs its repositories have: a table on a terminal, else lines ``task.link COUNT``.

    Where a task has something to say about live jobs, that follows, in lines that begin with ``#``.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param all_repos: Whether to show also links that are neither input, output nor status.
    :param as_json: Whether to print JSON instead: an object of tasks, each an object of links, each a number.
    :returns: The exit status.
    """
    rows = task_rows(pipeline, all_repos)
    listing = Listing()
    jobs = await ask_each_once(pipeline, rows, lambda repository: listed(listing, repository))
    counts = [[len(jobs[id(data.repository)]) for data in row.data] for row in rows]
    if as_json:
        names = [[data.name for data in row.data] for row in rows]
        pairs = zip(rows, names, counts, strict=True)
        output.write_json({row.task.name: dict(zip(links, numbers, strict=True)) for row, links, numbers in pairs})
        return 0
    remarks = await ask_for_remarks(rows)
    if output.on_terminal():
        from pydatatask_cli.terminal.tables import show_table

        show_table(rows, "jobs", [[str(count) for count in numbers] for numbers in counts], numeric=True)
        write_remarks(rows, remarks)
    else:
        for row, numbers, said in zip(rows, counts, remarks, strict=True):
            lines = (f"{data} {count}" for data, count in zip(row.data, numbers, strict=True))
            output.write_lines([row.task.name, *lines, *said, ""])
    return 0
