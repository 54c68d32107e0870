"""``trace``: in which repositories jobs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command, add_json_option
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.notes import ask_for_remarks, write_remarks
from pydatatask_cli.terminal.overview import ask_each_once, task_rows
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.scheduling.listing import Listing

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "print_trace"]


def add_parser(commands: SubParsers) -> None:
    """Put the command on the menu.

    :param commands: The menu.
    """
    parser = add_command(commands, "trace", print_trace, "Track a job's progress through the pipeline", Access.OBSERVE)
    parser.add_argument(
        "-a",
        "--all",
        dest="all_repos",
        action="store_true",
        help="show also links that are neither input, output nor status",
    )
    add_json_option(parser, '{"TASK": {"LINK": ["JOB", ...]}}')
    parser.add_argument("job", metavar="JOB", nargs="+", help="a job to look for")


@returns_status
async def print_trace(pipeline: Pipeline, all_repos: bool, job: list[str], *, as_json: bool = False) -> int:
    """Print for each task which of the jobs its repositories have: a table on a terminal, else ``task.link JOB JOB``.

    Where a task has something to say about one of the jobs, that follows, in lines that begin with ``#``.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param all_repos: Whether to show also links that are neither input, output nor status.
    :param job: The jobs to look for.
    :param as_json: Whether to print JSON instead: an object of tasks, each an object of links, each a list of jobs.
    :returns: The exit status.
    """
    rows = task_rows(pipeline, all_repos)
    wanted, listing = list(dict.fromkeys(job)), Listing()
    found = await ask_each_once(pipeline, rows, lambda repository: listing.members(repository, set(wanted)))
    jobs = [[[name for name in wanted if name in found[id(data.repository)]] for data in row.data] for row in rows]
    if as_json:
        names = [[data.name for data in row.data] for row in rows]
        triples = zip(rows, names, jobs, strict=True)
        output.write_json({row.task.name: dict(zip(links, ids, strict=True)) for row, links, ids in triples})
        return 0
    remarks = await ask_for_remarks(rows, set(wanted))
    if output.on_terminal():
        from pydatatask_cli.terminal.tables import show_table

        show_table(rows, "jobs", [[" ".join(ids) for ids in of_task] for of_task in jobs], numeric=False)
        write_remarks(rows, remarks)
    else:
        for row, of_task, said in zip(rows, jobs, remarks, strict=True):
            lines = (" ".join([str(data), *ids]) for data, ids in zip(row.data, of_task, strict=True))
            output.write_lines([row.task.name, *lines, *said, ""])
    return 0
