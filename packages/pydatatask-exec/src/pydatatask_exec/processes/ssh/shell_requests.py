"""Write the requests to the shell on a target, as shell code, by pure functions.

A request is one compound command. So a shell that gets only the beginning of it, as the connection has dropped, does
nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from shlex import quote

from pydatatask_exec.processes.launch_script import IDENTITY, Introduction, Launch, time_code
from pydatatask_exec.processes.ssh.shell_functions import TargetFacts
from pydatatask_exec.processes.workspace import EXE, KILL_REQUESTED, REVOKED, STDIN, Order, launch_of

__all__ = [
    "Ticketed",
    "alive_code",
    "compound",
    "end_code",
    "inspect_code",
    "kill_code",
    "orphans_code",
    "owners_code",
    "remove_code",
    "revoke_code",
    "spawn_code",
    "start_code",
]

_PLAIN = frozenset(range(32, 127)) - {ord("\\")} | {ord("\n"), ord("\t")}


@dataclass(frozen=True, slots=True)
class Ticketed:
    """An order, with the ticket under which the shell and the launcher report on it."""

    ticket: str
    """The ticket."""

    order: Order
    """The order."""


def compound(ticket: str, code: str) -> str:
    """Return a request of some code, after which the shell answers ``TICKET done``.

    :param ticket: The ticket of the request.
    :param code: Complete commands.
    """
    return f"{{\nticket={ticket}\n{code}\necho {ticket} done >&9\n}}\n"


def _escaped(content: bytes) -> str:
    """Return bytes as ``printf %b`` takes them."""
    return "".join(chr(byte) if byte in _PLAIN else f"\\0{byte:03o}" for byte in content)


def start_code(root: PurePath, facts: TargetFacts, orders: Sequence[Ticketed]) -> str:
    """Claim jobs, fill their directories and start their launchers.

    For each job the answer is ``TICKET taken`` if it has a directory already, ``TICKET failed REASON``, or what the
    launcher reports. All directories are made by one command: only if it succeeds for all of them, all are ours.

    :param root: The directory of the task.
    :param facts: What is known about the target.
    :param orders: The jobs.
    """
    lines = [f"if cd {quote(str(root))}; then set --"]
    for number, ticketed in enumerate(orders):
        job = _path(ticketed.order)
        lines.append(
            f"if [ -d {job} ]; then c{number}=; echo {ticketed.ticket} taken >&9; "
            f'else c{number}=1; set -- "$@" {job}; fi'
        )
    lines += ['for job; do set -- "$@" "$job/cwd"; done', 'why=$(mkdir "$@" 2>&1); made=$?; set --']
    for number, ticketed in enumerate(orders):
        lines += _fill_code(number, ticketed)
    lines += ['[ $# -eq 0 ] || chmod 755 "$@"', "("]
    for number, ticketed in enumerate(orders):
        lines += _launch_code(number, ticketed, root, facts)
    lines += [":", ")", "else"]
    lines += [f"echo {ticketed.ticket} failed the directory of the task is gone >&9" for ticketed in orders]
    return "\n".join([*lines, "fi"])


def _path(order: Order) -> str:
    """Return the directory of a job relative to that of the task. An id may begin with a hyphen."""
    return quote(f"./{order.job}")


def _fill_code(number: int, ticketed: Ticketed) -> list[str]:
    """Return commands that write the files of a job whose directory has been made."""
    order, job = ticketed.order, _path(ticketed.order)
    steps = [f"printf %s {quote(order.script)} >{job}/{EXE}"]
    if isinstance(order.stdin, bytes):
        steps.append(f"printf %b {quote(_escaped(order.stdin))} >{job}/{STDIN}")
    elif order.stdin is not None:
        steps.append(f"mv {quote(str(order.stdin))} {job}/{STDIN}")
    failed = (
        f"{{ c{number}=; echo {ticketed.ticket} failed its directory cannot be filled: is there space left? >&9; }}"
    )
    return [
        f'if [ "$c{number}" ] && [ $made != 0 ]; then c{number}=; echo {ticketed.ticket} failed $why >&9; fi',
        f'if [ "$c{number}" ]; then {" && ".join(steps)} && set -- "$@" {job}/{EXE} || {failed}; fi',
    ]


def _launch_code(number: int, ticketed: Ticketed, root: PurePath, facts: TargetFacts) -> list[str]:
    """Return a command that starts the launcher of a job, in the directory that was made for it."""
    launch = launch_of(ticketed.order, f"{root}/{ticketed.order.job}")
    script = launch.script(Introduction(facts.scope, facts.uptime, ticketed.ticket))
    start = f"(cd {_path(ticketed.order)} && exec setsid sh -c {quote(script)})"
    return [f'if [ "$c{number}" ]; then {start} </dev/null >/dev/null & fi']


def spawn_code(launch: Launch, facts: TargetFacts) -> str:
    """Return code that starts a process that is no claimed job. The answer is ``TICKET pid IDENTITY``.

    :param launch: What to run.
    :param facts: What is known about the target.
    """
    head = f'ticket=$1; {time_code(facts.uptime)}; echo "$ticket pid $$:$pydatatask_t:{facts.scope}" >&9; exec 9>&-\n'
    return f'( setsid sh -c {quote(head + launch.script())} sh "$ticket" </dev/null >/dev/null & )'


def inspect_code(root: PurePath, jobs: Mapping[str, str | None]) -> str:
    """Return code that inspects jobs. The answer has a line for each, in order.

    :param root: The directory of the task.
    :param jobs: The jobs, with the identity of the process where that is known.
    """
    return "\n".join(f'inspect "$ticket" {quote(str(root / job))} {quote(pid or "-")}' for job, pid in jobs.items())


def alive_code(pids: Sequence[str]) -> str:
    """Return code that checks which processes are alive. The answer has a line with the number of each, from 0.

    :param pids: The identities of processes.
    """
    return "\n".join(f"is_alive {quote(pid)} && echo $ticket {number} >&9" for number, pid in enumerate(pids))


def owners_code(*directories: PurePath) -> str:
    """Return code that makes directories. The answer has a line with the owner of each, ``-`` if it is missing.

    :param directories: The directories, each below the one before.
    """
    paths = " ".join(quote(str(directory)) for directory in directories)
    return (
        f"mkdir -p {paths}\n"
        f'for directory in {paths}; do owner=-; [ -d "$directory" ] && set -- $(ls -ldn "$directory/.") && owner=$3; '
        'echo "$ticket $owner" >&9; done'
    )


def revoke_code(directory: PurePath) -> str:
    """Return code that revokes a claim by creating the launcher's file. On success, the answer is ``TICKET taken``.

    :param directory: The directory of the job.
    """
    text, path = quote(REVOKED.strip()), quote(str(directory / IDENTITY))
    return f'set -C; echo {text} >{path} && echo "$ticket taken" >&9; set +C'


def kill_code(directory: PurePath, identity: str, grace: float) -> str:
    """Return code that marks a job and ends its process, in the background. The answer is ``TICKET gone`` or ``alive``.

    :param directory: The directory of the job.
    :param identity: The process.
    :param grace: For how many seconds to wait in each step.
    """
    mark = quote(str(directory / KILL_REQUESTED))
    return f": >{mark}; {end_code(identity, grace)}"


def end_code(identity: str, grace: float) -> str:
    """Return code that ends a process and its session, in the background. The answer is ``TICKET gone`` or ``alive``.

    :param identity: The process.
    :param grace: For how many seconds to wait in each step.
    """
    return f'( end_session "$ticket" {quote(identity)} {max(1, round(grace * 10))} & )'


def orphans_code(directory: PurePath, identity: str, grace: float) -> str:
    """Return code that ends what a launcher has left, in the background. The answer is ``TICKET gone`` or ``alive``.

    :param directory: The directory of the job.
    :param identity: The launcher.
    :param grace: For how many seconds to wait in each step.
    """
    return f'( end_orphans "$ticket" {quote(identity)} {quote(str(directory))} {max(1, round(grace * 10))} & )'


def remove_code(paths: Iterable[PurePath]) -> str:
    """Return code that removes files and directories with their content.

    :param paths: What to remove; there must be some.
    """
    return f"rm -rf -- {' '.join(quote(str(path)) for path in paths)}"
