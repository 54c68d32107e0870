"""Write the requests to the shell on a target, as shell code, by pure functions.

A request is one compound command. So a shell that gets only the beginning of it, as the connection has dropped, does
nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from shlex import quote
from typing import NamedTuple

from pydatatask_exec.processes.launch_script import IDENTITY, Introduction, Launch, time_code
from pydatatask_exec.processes.ssh.shell_functions import RESTORE_ENVIRONMENT, TargetFacts
from pydatatask_exec.processes.workspace import EXE, KILL_REQUESTED, REVOKED, STDIN, TIMED_OUT, Order, launch_of

__all__ = [
    "Step",
    "Ticketed",
    "alive_code",
    "compound",
    "end_code",
    "inspect_code",
    "kill_code",
    "launching_name",
    "mark_timed_out_code",
    "orphans_code",
    "owners_code",
    "remove_code",
    "revoke_code",
    "revoke_reserved_code",
    "spawn_code",
    "start_code",
]

_PLAIN = frozenset(range(32, 127)) - {ord("\\")} | {ord("\n"), ord("\t")}


class Step(Enum):
    """How far a request takes the launch of a job."""

    CLAIM = "claim"
    """Make its directory, and launch it."""

    RESERVE = "reserve"
    """Make its directory, so that it can be checked whether the job is still to be done."""

    LAUNCH = "launch"
    """Launch it in the directory that has been reserved."""


class Ticketed(NamedTuple):
    """An order, with the ticket under which the shell and the launcher report on it."""

    ticket: str
    """The ticket."""

    order: Order
    """The order."""

    owner: str
    """The line that says who makes the claim."""

    step: Step = Step.CLAIM
    """How far to take it."""

    token: str | None = None
    """The exclusivity token, if the claim is valid only without other controllers."""


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
    """Return code that claims jobs, fills their directories and starts their launchers.

    For each job the answer is ``TICKET reserved``, ``TICKET taken`` if it has a claim already, ``TICKET contended`` if
    there is another controller, ``TICKET failed REASON``, or what the launcher reports. All directories are made by one
    command, which fails for some where other controllers make the same ones. So it is the file ``owner`` that decides,
    which the shell creates exclusively (``set -C``). Only after that it compares the exclusivity token: a controller
    that comes later sees the claim, and if one has come before, the claim is withdrawn.

    :param root: The directory of the task.
    :param facts: What is known about the target.
    :param orders: The jobs.
    """
    lines = [
        f"if cd {quote(str(root))}; then",
        list_others := f"list_controllers {quote(f'../{launching_name(root)}')}",
        "set --",
    ]
    for number, ticketed in enumerate(orders):
        lines += _check_code(number, ticketed)
    lines += [
        'for job; do set -- "$@" "$job/cwd"; done',
        'pydatatask_why=; [ $# -eq 0 ] || pydatatask_why=$(mkdir "$@" 2>&1)',
    ]
    lines += ["set --"]
    for number, ticketed in enumerate(orders):
        lines += _claim_code(number, ticketed)
    lines += [list_others]
    for number, ticketed in enumerate(orders):
        if ticketed.token is not None:
            lines += _withdraw_code(number, ticketed, root)
        if ticketed.step is not Step.RESERVE:
            lines += _fill_code(number, ticketed)
    lines += ['[ $# -eq 0 ] || chmod 755 "$@"', "(", RESTORE_ENVIRONMENT]
    for number, ticketed in enumerate(orders):
        if ticketed.step is not Step.RESERVE:
            lines += _launch_code(number, ticketed, root, facts)
    lines += [":", ")", "else"]
    lines += [f"echo {ticketed.ticket} failed the directory of the task is gone >&9" for ticketed in orders]
    return "\n".join([*lines, "fi"])


def launching_name(root: PurePath) -> str:
    """Return the name of the directory in which controllers of a task show that they are there.

    :param root: The directory of the task.
    """
    return f".{root.name}.launching"


def _path(order: Order) -> str:
    """Return the directory of a job relative to that of the task. An id may begin with a hyphen."""
    return quote(f"./{order.job}")


def _check_code(number: int, ticketed: Ticketed) -> list[str]:
    """Return commands that set ``$pydatatask_cNUMBER`` if a job may go on, and add its directory to the arguments."""
    variable, job, ticket = f"pydatatask_c{number}", _path(ticketed.order), ticketed.ticket
    if ticketed.step is Step.LAUNCH:
        return [f"{variable}=1"]
    contended = "false" if ticketed.token is None else _is_contended(ticketed.token)
    return [
        (
            f"if {contended}; then {variable}=; echo {ticket} contended >&9; "
            f"elif [ -d {job} ]; then {variable}=; echo {ticket} taken >&9; "
            f'else {variable}=1; set -- "$@" {job}; fi'
        )
    ]


def _claim_code(number: int, ticketed: Ticketed) -> list[str]:
    """Return commands that claim a job whose directory has been made, or check that our reservation still holds."""
    variable, job, ticket, owner = (
        f"pydatatask_c{number}",
        _path(ticketed.order),
        ticketed.ticket,
        quote(ticketed.owner),
    )
    if ticketed.step is Step.LAUNCH:
        return [
            (
                f'{{ read -r pydatatask_o <{job}/owner && [ "$pydatatask_o" = {owner} ]; }} '
                f"|| {{ {variable}=; echo {ticket} taken >&9; }}"
            )
        ]
    claimed = f"{variable}=; echo {ticket} reserved >&9" if ticketed.step is Step.RESERVE else ":"
    return [
        (
            f'if [ "${variable}" ]; then set -C; if echo {owner} >{job}/owner; then set +C; {claimed}; else set +C; '
            f"{variable}=; if is_others {job}; then echo {ticket} taken >&9; "
            f"else echo {ticket} failed $pydatatask_why >&9; fi; fi; fi"
        )
    ]


def _is_contended(token: str) -> str:
    return f'[ "$pydatatask_now" != {quote(token)} ]'


def _withdraw_code(number: int, ticketed: Ticketed, root: PurePath) -> list[str]:
    """Return commands that withdraw a claim if another controller has come, which may have done the job before."""
    assert ticketed.token is not None
    variable, job, ticket = f"pydatatask_c{number}", _path(ticketed.order), ticketed.ticket
    # At once, by a rename: others could find a directory from which only some of the files have been removed.
    away = quote(f"../.{root.name}.reaped/{ticketed.order.job}.{ticketed.owner.rpartition(' ')[2]}")
    return [
        (
            f'if [ "${variable}" ] && {_is_contended(ticketed.token)}; then {variable}=; '
            f"mv {job} {away} && rm -rf {away}; echo {ticket} contended >&9; fi"
        )
    ]


def _fill_code(number: int, ticketed: Ticketed) -> list[str]:
    """Return commands that write the files of a job whose directory has been made."""
    variable, order, job = f"pydatatask_c{number}", ticketed.order, _path(ticketed.order)
    steps = [f"printf %s {quote(order.script)} >{job}/{EXE}"]
    if isinstance(order.stdin, bytes):
        steps.append(f"printf %b {quote(_escaped(order.stdin))} >{job}/{STDIN}")
    elif order.stdin is not None:
        steps.append(f"mv {quote(str(order.stdin))} {job}/{STDIN}")
    failed = (
        f"{{ {variable}=; rm -f {job}/owner; "  # so that the next reconciliation revokes the claim, as nobody owns it
        f"echo {ticketed.ticket} failed its directory cannot be filled: is there space left? >&9; }}"
    )
    return [f'if [ "${variable}" ]; then {" && ".join(steps)} && set -- "$@" {job}/{EXE} || {failed}; fi']


def _launch_code(number: int, ticketed: Ticketed, root: PurePath, facts: TargetFacts) -> list[str]:
    """Return a command that starts the launcher of a job, in the directory that was made for it."""
    launch = launch_of(ticketed.order, f"{root}/{ticketed.order.job}")
    script = launch.script(Introduction(facts.scope, facts.uptime, ticketed.ticket))
    start = f"(cd {_path(ticketed.order)} && {_script_code(script)})"
    return [f'if [ "$pydatatask_c{number}" ]; then {start} </dev/null >/dev/null & fi']


def _script_code(script: str, argument: str = "") -> str:
    """Return commands that become a shell of its own session, which runs a script.

    The script has the variables of the job in it, so it must not be in a command line, which all users can read.
    """
    kept = quote(f"unset pydatatask_s\n{script}")
    return f"export pydatatask_s={kept} && exec setsid sh -c 'eval \"$pydatatask_s\"' sh {argument}".rstrip()


def spawn_code(launch: Launch, facts: TargetFacts) -> str:
    """Return code that starts a process that is no claimed job. The answer is ``TICKET pid IDENTITY``.

    :param launch: What to run.
    :param facts: What is known about the target.
    """
    identity = f"$$:$pydatatask_t:{facts.scope}"
    head = f'pydatatask_k=$1; {time_code(facts.uptime)}; echo "$pydatatask_k pid {identity}" >&9; exec 9>&-\n'
    return (
        f"( pydatatask_k=$ticket; {RESTORE_ENVIRONMENT}; "
        f"( {_script_code(head + launch.script(), chr(34) + '$pydatatask_k' + chr(34))} ) </dev/null >/dev/null & )"
    )


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
    """Return code that makes directories. The answer has a line with owner, mode and group of each.

    One that is missing has three hyphens.

    :param directories: The directories, each below the one before.
    """
    paths = " ".join(quote(str(directory)) for directory in directories)
    return (
        f"mkdir -p {paths}\n"
        f'for directory in {paths}; do owner="- - -"; '
        '[ -d "$directory" ] && set -- $(ls -ldn "$directory/.") && owner="$3 $1 $4"; '
        'echo "$ticket $owner" >&9; done'
    )


def revoke_code(directory: PurePath) -> str:
    """Return code that revokes a claim by creating the launcher's file. On success, the answer is ``TICKET taken``.

    :param directory: The directory of the job.
    """
    text, path = quote(REVOKED.strip()), quote(str(directory / IDENTITY))
    return f'set -C; echo {text} >{path} && echo "$ticket taken" >&9; set +C'


def revoke_reserved_code(directory: PurePath, owner: str) -> str:
    """Return code that revokes a reservation if it is still a certain one. On success, the answer is ``TICKET taken``.

    :param directory: The directory of the job.
    :param owner: The line that says who has made the reservation.
    """
    path = quote(str(directory / "owner"))
    is_ours = f'{{ read -r pydatatask_o <{path} && [ "$pydatatask_o" = {quote(owner)} ]; }}'
    return f"if {is_ours}; then {revoke_code(directory)}; fi"


def kill_code(directory: PurePath, identity: str, grace: float) -> str:
    """Return code that marks a job and ends its process, in the background. The answer is ``TICKET gone`` or ``alive``.

    :param directory: The directory of the job.
    :param identity: The process.
    :param grace: For how many seconds to wait in each step.
    """
    mark = quote(str(directory / KILL_REQUESTED))
    return f": >{mark}; {end_code(identity, grace)}"


def mark_timed_out_code(directory: PurePath) -> str:
    """Return code that marks a job as one whose time is up.

    :param directory: The directory of the job.
    """
    return f"[ -d {quote(str(directory))} ] && : >{quote(str(directory / TIMED_OUT))}"


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
