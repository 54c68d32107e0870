"""``trace``: which repositories have certain jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_all_option, add_command, add_json_option
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.terminal import output
from pydatatask_cli.terminal.job_report import print_report
from pydatatask_cli.terminal.link_rows import ask_repositories, task_rows
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.scheduling.listing import Listing

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "print_trace"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "trace",
        print_trace,
        Access.OBSERVE,
        details="Show which repositories have a job.",
        examples=["jonah", "jonah esther --json"],
    )
    add_all_option(parser)
    add_json_option(parser, '{"TASK": {"LINK": ["JOB", ...]}}')
    parser.add_argument("job", metavar="JOB", nargs="+", help="a job to look for")


@returns_status
async def print_trace(pipeline: Pipeline, all_repos: bool, job: list[str], *, as_json: bool = False) -> int:
    """Print for each task which of the jobs its repositories have: a table on a terminal, else ``task.link JOB JOB``.

    Notes of the task on these jobs follow, how they have failed, and what blocks them, in lines that begin with ``#``.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param all_repos: Whether to show also links that are neither input, output nor status.
    :param job: The jobs to look for.
    :param as_json: Whether to print JSON instead: an object of tasks, each an object of links, each a list of jobs.
    :returns: The exit status, 1 if a repository failed. That jobs are in none of them is 0, and said on standard error.
    """
    from pydatatask_cli.outcomes.job_notes import job_notes

    rows = task_rows(pipeline, all_repos)
    wanted, listing = list(dict.fromkeys(job)), Listing()
    answers = await ask_repositories(pipeline, rows, lambda repository: listing.members(repository, set(wanted)))
    found = {key: [name for name in wanted if name in jobs] for key, jobs in answers.jobs.items()}
    jobs = [[found.get(id(data.repository)) for data in row.data] for row in rows]
    await print_report(
        rows, jobs, " ".join, numeric=False, as_json=as_json, jobs=wanted, remarks=lambda: job_notes(pipeline, wanted)
    )
    missing = [name for name in wanted if not any(name in there for there in found.values())]
    if missing and not answers.errors:
        where = "any repository" if all_repos else "any repository shown; -a shows all"
        output.write_note(
            f"{'job' if len(missing) == 1 else 'jobs'} {', '.join(map(repr, missing))} not found in {where}"
        )
    return answers.report(rows)
