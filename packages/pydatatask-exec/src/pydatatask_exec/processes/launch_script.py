"""What it takes to run a process, and the shell script that does so on another machine and records how it ended.

On this machine, a supervisor does the same (:mod:`pydatatask_exec.processes.local.supervisor`). The script is made of
builtins of the shell, so that the process itself is all that has to be started besides the shell. In this order, it

1. records its own identity in a file that it creates exclusively: who finds that file there already does not run the
   process, as somebody else has taken the job back;
2. makes room for the exit status, so that it can be recorded although the disk may be full by then;
3. runs the process, and waits for its end;
4. ends what the process has left behind in its process group;
5. records the exit status, in place: a newline after it tells that it is complete.

It is to be started as the leader of a session of its own. Signals that end a job are for the process; the script
survives them to record what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from pydatatask_exec.processes.local.supervisor import protocol

__all__ = ["IDENTITY", "Introduction", "Launch", "command_for", "time_code"]

IDENTITY = protocol.IDENTITY.decode()
"""The file, in the directory where the script is started, that holds its identity."""

_GIVE_UP = "exit 125"
_UPTIME = "read -r pydatatask_t _ </proc/uptime"
_OWN_START = (
    "read -r pydatatask_t </proc/self/stat; set -- ${pydatatask_t##*) }; shift 19; pydatatask_t=${1%??}.${1#${1%??}}"
)
_EXPORTABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_SHELLS = frozenset(
    {"BASHOPTS", "BASH_ARGC", "BASH_ARGV", "BASH_LINENO", "BASH_SOURCE", "BASH_VERSINFO", "EUID", "GROUPS", "IFS"}
    | {"LINENO", "OPTIND", "PPID", "PWD", "SHELLOPTS", "UID", "_"}
)
"""Variables that shells make themselves, or that change what a script means: env(1) sets them instead."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """How the script records who it is. It is started in a directory where it creates the file :data:`IDENTITY`."""

    boot: str
    """The id of the present start of the target machine."""

    uptime: bool
    """Whether ``/proc/uptime`` of the target can be trusted."""

    ticket: str
    """A word that is followed on descriptor 9 by what happens: ``TICKET started IDENTITY`` or ``TICKET lost``, and
    ``TICKET ended``."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to be run, and where its outcome goes. All paths are absolute."""

    args: Sequence[str]
    """The command line; the first is the executable."""

    cwd: str
    """The directory to run the process in."""

    return_code: str
    """The file for the exit status."""

    environ: Mapping[str, str]
    """What to add to the environment."""

    stdin: str | None = None
    """The file that is standard input, or None for nothing."""

    stdout: str | None = None
    """The file for standard output, or None to drop it."""

    stderr: str | None = None
    """The file for standard error, or None to drop it. The same as ``stdout`` interleaves both."""

    def script(self, introduction: Introduction | None = None) -> str:
        """Write the script.

        :param introduction: Optional: how to record who it is.
        """
        return_code = quote(self.return_code)
        return "\n".join(
            [
                f"trap : TERM INT HUP{' PIPE' if introduction else ''}",
                *(_identify(introduction) if introduction else ()),
                f"printf '    ' >{return_code} && cd {quote(self.cwd)} || {_GIVE_UP}",
                *self._exports(),
                self._command(" 9>&-" if introduction else ""),
                f"pydatatask_t=$?; trap '' TERM; kill -TERM 0; echo \"$pydatatask_t\" 1<>{return_code}",
                *([f"echo {introduction.ticket} ended >&9"] if introduction else ()),
                "",
            ]
        )

    def _exports(self) -> list[str]:
        """Set the variables, if the shell can."""
        if self._needs_env:
            return []
        return [f"export {name}={quote(value)}" for name, value in self.environ.items()]

    @property
    def _needs_env(self) -> bool:
        """Whether env(1) has to set the variables: all, as it must not be looked for in a ``PATH`` of theirs."""
        return not all(map(_is_exportable, self.environ))

    def _command(self, closing: str) -> str:
        """Write the command.

        Where standard error is kept, it is for a subshell, so that what the shell says of its end is not in its output;
        without one, it takes a shell less time to start it.
        """
        assignments = [quote(f"{name}={value}") for name, value in self.environ.items()]
        words = [*(["env", "--", *assignments] if self._needs_env else []), *map(quote, self.args)]
        streams = f"<{quote(self.stdin or '/dev/null')} >{quote(self.stdout or '/dev/null')}"
        interleaved = self.stdout is not None and self.stderr == self.stdout
        command = f"{' '.join(words)} {streams} 2>{'&1' if interleaved else quote(self.stderr or '/dev/null')}{closing}"
        return command if self.stderr is None else f"(exec {command})"


def time_code(uptime: bool) -> str:
    """Give code that sets ``$pydatatask_t`` to a time at which the shell exists, for its identity.

    :param uptime: Whether ``/proc/uptime`` can be trusted; else the time at which the shell began is found out, which
        takes longer. The shell's arguments are lost by that.
    """
    return _UPTIME if uptime else _OWN_START


def _identify(introduction: Introduction) -> list[str]:
    """Create the file exclusively (``set -C``), or give up."""
    identity = f"$$:$pydatatask_t:{introduction.boot}"
    return [
        time_code(introduction.uptime),
        "set -C",
        f'echo "{identity}" >{IDENTITY} || {{ echo {introduction.ticket} lost >&9; {_GIVE_UP}; }}',
        "set +C",
        f'echo "{introduction.ticket} started {identity}" >&9',
    ]


def _is_exportable(name: str) -> bool:
    return _EXPORTABLE.fullmatch(name) is not None and name not in _OF_SHELLS


def command_for(script: str, path: str) -> list[str]:
    """Give the command line that runs a script.

    :param script: Its text. If that does not begin with a shebang, ``/bin/sh`` runs it.
    :param path: The file that holds it.
    """
    # The kernel would read the file to find the same shell.
    return [path] if script.startswith("#!") and not script.startswith("#!/bin/sh\n") else ["/bin/sh", path]
