"""Describe a launch, and write the shell script that runs it on another machine and records how it ended.

On this machine, a supervisor does the same (:mod:`pydatatask_exec.processes.local.supervisor`). The script uses only
builtins, so that nothing is started besides the shell and the process itself, and a watchdog where there is a timeout.
In this order, it

1. creates a file exclusively and writes its own identity there. If the file exists already, the claim was revoked, and
   the script ends without running the process;
2. makes room for the exit status, so that it can be recorded even if the disk is full by then;
3. runs the process, and waits for its end; a watchdog that sleeps beside it ends its process group when its time is up;
4. ends what the process has left running in its process group;
5. records the exit status, in place. A newline after it shows that it is complete.

The script has to be started as the leader of its own session. Signals that end a job are for the process; the script
survives them to record the exit status.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import NamedTuple

from pydatatask_core.errors import DefinitionError
from pydatatask_exec.processes.local.supervisor import protocol

__all__ = ["IDENTITY", "Introduction", "Launch", "check_environ", "check_exportable", "command_for", "time_code"]

IDENTITY = protocol.IDENTITY.decode()
"""The file, in the directory where the script is started, that holds its identity."""

_GIVE_UP = "exit 125"
_UPTIME = "read -r pydatatask_t _ </proc/uptime"
_OWN_START = (
    "read -r pydatatask_t </proc/self/stat; set -- ${pydatatask_t##*) }; shift 19; pydatatask_t=${1%??}.${1#${1%??}}"
)
_WATCHDOG = """(
pydatatask_others() {
    pydatatask_o=
    for pydatatask_f in /proc/[0-9]*/stat; do
        { read -r pydatatask_l <"$pydatatask_f"; } || continue
        pydatatask_p=${pydatatask_f#/proc/}; pydatatask_p=${pydatatask_p%%/stat}
        set -- ${pydatatask_l##*) }
        case $1:$3:$pydatatask_p in
        Z:* | X:* | *:$$ | *:"$pydatatask_w") ;;
        *:$$:*) pydatatask_o="$pydatatask_o $pydatatask_p" ;;
        esac
    done
    [ "$pydatatask_o" ]
}
sleep %(timeout)d || exit
: >%(mark)s
read -r pydatatask_w _ </proc/self/stat
trap : TERM
kill -TERM 0
pydatatask_n=%(tenths)d
while pydatatask_others && [ "$pydatatask_n" -gt 0 ]; do
    sleep 0.1 || { sleep 1; pydatatask_n=$((pydatatask_n - 9)); }
    pydatatask_n=$((pydatatask_n - 1))
done
[ -z "$pydatatask_o" ] || kill -KILL $pydatatask_o
) </dev/null >/dev/null 2>&1 9>&- &
pydatatask_w=$!"""
"""It sleeps, tells the process group to end, and kills what is left after the grace. ``$$`` is the script's own id."""

_EXPORTABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_SHELLS = frozenset(
    {"BASHOPTS", "BASH_ARGC", "BASH_ARGV", "BASH_LINENO", "BASH_SOURCE", "BASH_VERSINFO", "EUID", "GROUPS", "IFS"}
    | {"LINENO", "OPTIND", "PPID", "PWD", "SHELLOPTS", "UID", "_"}
)
"""Variables that shells make themselves, or that change what a script means."""


class Introduction(NamedTuple):
    """How the script records its identity, in the file :data:`IDENTITY` of the directory that it is started in."""

    scope: str
    """The scope of the identities of processes on the target."""

    uptime: bool
    """Whether ``/proc/uptime`` of the target can be trusted."""

    ticket: str
    """A word that is followed on descriptor 9 by what happens: ``TICKET started IDENTITY`` or ``TICKET lost``, and
    ``TICKET ended``."""


class Launch(NamedTuple):
    """A process to be run, and where its outcome goes. All paths are absolute."""

    args: Sequence[str]
    """The command line; the first is the executable."""

    cwd: str
    """The directory to run the process in."""

    return_code: str
    """The file for the exit status."""

    environ: Mapping[str, str]
    """Variables to add to the environment."""

    stdin: str | None = None
    """The file that is standard input, or None for nothing."""

    stdout: str | None = None
    """The file for standard output, or None to drop it."""

    stderr: str | None = None
    """The file for standard error, or None to drop it. The same as ``stdout`` interleaves both."""

    timeout: float | None = None
    """After how many seconds the process group is told to end, or None. The script counts whole seconds."""

    grace: float = 0.0
    """How many seconds later that is killed."""

    timed_out: str = ""
    """The file to make when it is told to end."""

    def script(self, introduction: Introduction | None = None) -> str:
        """Return the script.

        :param introduction: Optional: how it records its identity.
        """
        return_code = quote(self.return_code)
        return "\n".join(
            [
                f"trap : TERM INT HUP{' PIPE' if introduction else ''}",
                *(_identify(introduction) if introduction else ()),
                f"printf '    ' >{return_code} && cd {quote(self.cwd)} || {_GIVE_UP}",
                *self._exports(),
                *(() if self.timeout is None else (_watchdog(self.timeout, self.grace, quote(self.timed_out)),)),
                self._command(" 9>&-" if introduction else ""),
                f"pydatatask_t=$?; {self._end_of_watchdog()}trap '' TERM; kill -TERM 0",
                f'echo "$pydatatask_t" 1<>{return_code}',
                *([f"echo {introduction.ticket} ended >&9"] if introduction else ()),
                "",
            ]
        )

    def _exports(self) -> list[str]:
        """Return commands that set the variables."""
        check_exportable(self.environ)
        return [f"export {name}={quote(value)}" for name, value in self.environ.items()]

    def _end_of_watchdog(self) -> str:
        """Return commands that end the watchdog, or wait until it has ended the process group if it has begun to."""
        if self.timeout is None:
            return ""
        return f'if [ -e {quote(self.timed_out)} ]; then wait "$pydatatask_w"; else kill -KILL "$pydatatask_w"; fi; '

    def _command(self, closing: str) -> str:
        """Return the command.

        Where standard error is kept, a subshell runs it: else the shell would report a signal that ends the process
        there. Without one, the start takes less time.
        """
        streams = f"<{quote(self.stdin or '/dev/null')} >{quote(self.stdout or '/dev/null')}"
        interleaved = self.stdout is not None and self.stderr == self.stdout
        stderr = "&1" if interleaved else quote(self.stderr or "/dev/null")
        command = f"{' '.join(map(quote, self.args))} {streams} 2>{stderr}{closing}"
        return command if self.stderr is None else f"(exec {command})"


def time_code(uptime: bool) -> str:
    """Return code that sets ``$pydatatask_t`` to a time at which the shell exists, for its identity.

    :param uptime: Whether ``/proc/uptime`` can be trusted. Else the code reads when the shell began, which takes longer
        and overwrites the shell's arguments.
    """
    return _UPTIME if uptime else _OWN_START


def _watchdog(timeout: float, grace: float, mark: str) -> str:
    """Return commands that start a process that ends the process group when its time is up, apart from the script.

    If its sleep is ended by somebody, it gives up rather than ending the job too early.
    """
    return _WATCHDOG % {"timeout": math.ceil(timeout), "tenths": max(1, math.ceil(grace * 10)), "mark": mark}


def _identify(introduction: Introduction) -> list[str]:
    """Return commands that create the file exclusively (``set -C``), or end the script."""
    identity = f"$$:$pydatatask_t:{introduction.scope}"
    return [
        time_code(introduction.uptime),
        "set -C",
        f'echo "{identity}" >{IDENTITY} || {{ echo {introduction.ticket} lost >&9; {_GIVE_UP}; }}',
        "set +C",
        f'echo "{introduction.ticket} started {identity}" >&9',
    ]


def check_environ(task: str, environ: Mapping[str, str]) -> None:
    """Check that variables can be in the environment of a process.

    :param task: The task's name.
    :param environ: The variables.
    :raises DefinitionError: One of them cannot.
    """
    for name, value in environ.items():
        if not name or "=" in name or "\0" in name + value or not _is_encodable(name + value):
            raise DefinitionError(f"task {task}: {name!r} cannot be set in the environment of a process")


def _is_encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def check_exportable(names: Iterable[str]) -> None:
    """Check that a shell can set variables. The other way, env(1), would show the values to all users of the machine.

    :param names: The names.
    :raises DefinitionError: It cannot set one of them.
    """
    for name in names:
        if _EXPORTABLE.fullmatch(name) is None or name in _OF_SHELLS:
            raise DefinitionError(
                f"{name!r} of environ cannot be set on another machine, as its shell takes only letters, digits and "
                "underscores, and has variables of its own, such as IFS; give it another name, or set it in the script"
            )


def command_for(script: str, path: str) -> list[str]:
    """Return the command line that runs a script.

    :param script: Its text. If that does not begin with a shebang, ``/bin/sh`` runs it.
    :param path: The file that holds it.
    """
    # The kernel would read the file to find the same shell.
    return [path] if script.startswith("#!") and not script.startswith("#!/bin/sh\n") else ["/bin/sh", path]
