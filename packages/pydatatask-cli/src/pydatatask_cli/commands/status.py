"""``status``: how many jobs each repository has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_all_option, add_command, add_json_option
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.outcomes.blocked_notes import count_notes
from pydatatask_cli.terminal.job_report import print_report
from pydatatask_cli.terminal.link_rows import ask_repositories, task_rows
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.scheduling.listing import Listing

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "print_status"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "status",
        print_status,
        Access.OBSERVE,
        details="Count the jobs in the repositories of each task.",
        examples=["", "--json"],
    )
    add_all_option(parser)
    add_json_option(parser, '{"TASK": {"LINK": COUNT}}')


@returns_status
async def print_status(pipeline: Pipeline, all_repos: bool, *, as_json: bool = False) -> int:
    """Print for each task how many jobs its repositories have: a table on a terminal, else lines ``task.link COUNT``.

    Notes of the task on live jobs follow, and how many jobs failures block, in lines that begin with ``#``.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param all_repos: Whether to show also links that are neither input, output nor status.
    :param as_json: Whether to print JSON instead: an object of tasks, each an object of links, each a number.
    :returns: The exit status, 1 if a repository failed.
    """
    rows = task_rows(pipeline, all_repos)
    listing = Listing()
    answers = await ask_repositories(pipeline, rows, lambda repository: listed(listing, repository))
    numbers = {key: len(jobs) for key, jobs in answers.jobs.items()}
    counts = [[numbers.get(id(data.repository)) for data in row.data] for row in rows]
    await print_report(rows, counts, str, numeric=True, as_json=as_json, remarks=lambda: count_notes(pipeline))
    return answers.report(rows)
