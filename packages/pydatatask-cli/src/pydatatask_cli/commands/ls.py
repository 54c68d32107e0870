"""``ls``: the jobs of a repository, or of a set expression over several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydatatask_cli.arguments import add_command, add_json_option
from pydatatask_cli.error_handler import returns_status
from pydatatask_cli.gather import gather
from pydatatask_cli.name_lookup import find_data
from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_cli.terminal import output
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.scheduling.listing import Listing

if TYPE_CHECKING:
    from pydatatask_cli.arguments import SubParsers

__all__ = ["add_parser", "list_data"]


def add_parser(commands: SubParsers) -> None:
    """Add the command to the command line.

    :param commands: The sub-parsers of the command line.
    """
    parser = add_command(
        commands,
        "ls",
        list_data,
        Access.OBSERVE,
        details="List the jobs of a repository, or of a set expression over repositories.",
        examples=["count.done", "'count.books - count.done'"],
    )
    add_json_option(parser, '["JOB", ...]')
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="+",
        help="task.link, or an expression of such names with | & - ^ and parentheses, as one argument or several",
    )


@returns_status
async def list_data(pipeline: Pipeline, data: list[str], *, as_json: bool = False) -> int:
    """Print the jobs that an expression describes, sorted, one a line.

    :param pipeline: The pipeline; it may be closed where no resource of its session is needed.
    :param data: The expression, perhaps in pieces: names ``task.link`` with ``|``, ``&``, ``-``, ``^`` and parentheses,
        which mean and bind what they do in Python. A ``-`` in a name may be written ``_``.
    :param as_json: Whether to print a JSON list instead.
    :returns: The exit status.
    """
    from pydatatask_cli.set_expressions import parse

    expression = parse(" ".join(data), lambda name: find_data(pipeline, name))
    listing = Listing()
    repositories = {id(operand.repository): operand.repository for operand in expression.operands.values()}
    await validate_repositories(pipeline, repositories.values())
    answers = await gather(listed(listing, repository) for repository in repositories.values())
    contents = dict(zip(repositories, answers, strict=True))
    jobs = sorted(expression.evaluate(lambda operand: contents[id(operand.repository)]))
    if as_json:
        output.write_json(jobs)
    else:
        output.write_lines(jobs)
    return 0
