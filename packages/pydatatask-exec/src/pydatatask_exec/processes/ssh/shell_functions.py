"""The functions that the long-lived shell on a target defines first, made of builtins, for frequent requests.

A POSIX shell and busybox's utilities suffice. Lines of output begin with the ticket of their request or job, and are
written to descriptor 9, which launchers inherit.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ASK_FACTS", "KEEP_ENVIRONMENT", "PRELUDE", "RESTORE_ENVIRONMENT", "TargetFacts", "parse_facts"]

KEEP_ENVIRONMENT = "pydatatask_environment=$(export -p) pydatatask_umask=$(umask)\n"
"""The first command of all: it keeps what the target gives to a shell, before the functions change that."""

RESTORE_ENVIRONMENT = 'eval "$pydatatask_environment"; umask "$pydatatask_umask"'
"""Commands for a subshell that is about to start a job, which gets what the target gives, and no variables of ours."""

PRELUDE = r"""
umask 077
exec 9>&1 2>/dev/null
LC_ALL=C

list_controllers() { # DIRECTORY: what is in it
    set -- "$1"/*
    pydatatask_now=$*
}

is_others() { # DIRECTORY: whether another controller has claimed the job in which we could not create the owner
    # It may have made the directory, or claimed the job in the one that we have made, and have released it since.
    case $pydatatask_why in *exists*) return 0 ;; esac
    [ -n "$pydatatask_why" ] || [ -e "$1" ] || return 0
    # An empty file is one that it is about to write, or one that we could not write.
    [ -s "$1/owner" ] || { [ -e "$1/owner" ] && sleep 1 && [ -s "$1/owner" ]; }
}

is_alive() { # IDENTITY
    case $1 in *:*:"$scope" | *:*:"$scope"+* | *:*:"$boot") ;; *) return 1 ;; esac
    alive_pid=${1%%:*} alive_seen=${1#*:}
    alive_seen=${alive_seen%%:*}
    { read -r alive_line <"/proc/$alive_pid/stat"; } || return 1
    set -- ${alive_line##*) }
    case $1 in Z | X) return 1 ;; esac
    [ "${20}" -le "${alive_seen%.*}${alive_seen#*.}" ]
}

# TICKET DIRECTORY IDENTITY: whether it is there, is to be killed, is alive, was told to end as its time was up; exit
# status; controller that has reserved it; recorded identity
inspect() {
    inspect_there=0 inspect_killed=0 inspect_alive=0 inspect_code=- inspect_owner=- inspect_id=-
    [ -d "$2" ] && inspect_there=1
    [ -e "$2/forgotten" ] && inspect_killed=1
    if [ -f "$2/pid" ]; then # anything but a file might never be read
        { read -r inspect_id <"$2/pid"; } || inspect_id=
    elif [ -f "$2/owner" ]; then
        { read -r _ inspect_owner _ <"$2/owner"; } || inspect_owner=-
    fi
    if ! { [ -f "$2/return_code" ] && read -r inspect_code <"$2/return_code"; }; then
        inspect_code=-
        case $inspect_id:$inspect_owner in
        -:-) inspect_process=$3 ;;
        -:*) inspect_process=$inspect_owner ;;
        *) inspect_process=$inspect_id ;;
        esac
        if is_alive "$inspect_process"; then
            inspect_alive=1
        else
            { [ -f "$2/return_code" ] && read -r inspect_code <"$2/return_code"; } || inspect_code=-
        fi
    fi
    inspect_late=0
    [ "$inspect_code" != 0 ] && [ -e "$2/timed_out" ] && inspect_late=1
    echo "$1 $inspect_there $inspect_killed $inspect_alive $inspect_late $inspect_code $inspect_owner $inspect_id" >&9
}

# TICKET DIRECTORY IDENTITY CONTROLLER: 1 if only this controller records the job of that process, 0 if another one
# does, 2 if that cannot be noted
take() {
    take_number=1 take_waited=
    set -C
    until { echo "$4" >"$2/recorder.$take_number"; }; do
        { read -r take_owner <"$2/recorder.$take_number"; } || take_owner=
        [ "$take_owner" = "$4" ] && break
        # An empty file is one that another shell is about to write, or died before it could.
        if [ -z "$take_owner$take_waited" ] && [ -e "$2/recorder.$take_number" ]; then
            take_waited=1
            sleep 1
            { read -r take_owner <"$2/recorder.$take_number"; } || take_owner=
        fi
        if is_alive "$take_owner"; then
            set +C
            echo "$1 0" >&9
            return
        fi
        if [ ! -e "$2/recorder.$take_number" ] || [ "$take_number" -ge 99 ]; then
            set +C
            if [ -d "$2" ]; then echo "$1 2" >&9; else echo "$1 0" >&9; fi
            return
        fi
        take_number=$((take_number + 1))
    done
    set +C
    # Another controller may have retired the directory and launched the job again before the file was there.
    { read -r take_id <"$2/pid"; } || take_id=
    if [ "$take_id" = "$3" ]; then
        echo "$1 1" >&9
    else
        rm -f "$2/recorder.$take_number"
        echo "$1 0" >&9
    fi
}

members() { # SESSION: the processes in it
    for members_file in /proc/[0-9]*/stat; do
        { read -r members_line <"$members_file"; } || continue
        set -- "$1" ${members_line##*) }
        case $2 in Z | X) continue ;; esac
        if [ "$5" = "$1" ]; then
            members_file=${members_file#/proc/}
            echo "${members_file%/stat}"
        fi
    done
}

await_end() { # IDENTITY TENTHS: whether all of its session are gone within that time
    await_left=$2
    while [ "$await_left" -gt 0 ]; do
        is_alive "$1" || [ -n "$(members "${1%%:*}")" ] || return 0
        sleep 0.1 || { sleep 1; await_left=$((await_left - 9)); }
        await_left=$((await_left - 1))
    done
    return 1
}

end_session() { # TICKET IDENTITY TENTHS
    end_leader=${2%%:*} end_wait=$3
    if is_alive "$2"; then
        for end_step in TERM KILL ALL; do
            for end_member in $(members "$end_leader"); do
                case $end_step:$end_member in
                TERM:*) kill -TERM "$end_member" ;;
                KILL:"$end_leader") ;;
                *) kill -KILL "$end_member" ;;
                esac
            done
            await_end "$2" "$end_wait" && break
            [ "$end_wait" -ge 50 ] || end_wait=50 # what is killed may need a while on a busy machine
        done
    fi
    if is_alive "$2"; then echo "$1 alive" >&9; else echo "$1 gone" >&9; fi
}

orphans() { # SESSION DIRECTORY: the processes in it that work below the directory
    for orphans_one in $(members "$1"); do
        case $(ls -l "/proc/$orphans_one/cwd" "/proc/$orphans_one/fd") in
        *"-> $2/"*) echo "$orphans_one" ;;
        esac
    done
}

end_orphans() { # TICKET IDENTITY DIRECTORY TENTHS
    orphans_left=
    case $2 in
    *:*:"$scope" | *:*:"$scope"+* | *:*:"$boot")
        orphans_below=$(cd -P "$3" && pwd -P) || orphans_below=$3
        for orphans_step in TERM KILL; do
            orphans_wait=$4
            orphans_left=$(orphans "${2%%:*}" "$orphans_below")
            for orphans_member in $orphans_left; do kill -"$orphans_step" "$orphans_member"; done
            while [ -n "$orphans_left" ] && [ "$orphans_wait" -gt 0 ]; do
                sleep 0.1 || { sleep 1; orphans_wait=$((orphans_wait - 9)); }
                orphans_wait=$((orphans_wait - 1))
                orphans_left=$(orphans "${2%%:*}" "$orphans_below")
            done
            [ -n "$orphans_left" ] || break
        done
        ;;
    esac
    if [ -n "$orphans_left" ]; then echo "$1 alive" >&9; else echo "$1 gone" >&9; fi
}

boot= host= machine=
read -r boot </proc/sys/kernel/random/boot_id
read -r host </proc/sys/kernel/hostname
read -r machine </etc/machine-id
namespace=$(ls -l "/proc/$$/ns/pid"); namespace=${namespace##*[}; namespace=${namespace%]*}
case $namespace in "" | *[!0-9]*) namespace=0 ;; esac
case $host in "" | *[!A-Za-z0-9.-]*) host=unnamed ;; esac
scope=$boot+$namespace+$host-${machine%"${machine#??????}"}
read -r up _ </proc/uptime
read -r own </proc/self/stat
set -- ${own##*) }
own_start=${20}
up_ticks=${up%.*}${up#*.}
genuine=0
[ "$own_start" -le "$up_ticks" ] && [ "$((up_ticks - own_start))" -lt 6000 ] && genuine=1
[ "$genuine" = 1 ] || { up=${own_start%??}.${own_start#${own_start%??}}; }
user=$(id -u)
missing=
for tool in setsid mkdir chmod mv rm ls id sleep; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
"""


class TargetFacts(NamedTuple):
    """What requests have to know about a target."""

    scope: str
    """The scope of the identities of processes there."""

    identity: str
    """The identity of the shell."""

    uptime: bool
    """Whether ``/proc/uptime`` has the clock that process start times are given in; in some containers it has not."""

    user: int
    """The user id of the shell."""

    missing: tuple[str, ...]
    """The utilities that are needed and missing."""


ASK_FACTS = 'echo "$ticket $scope $$:$up:$scope $genuine ${user:-none}$missing" >&9'
"""The request that :func:`parse_facts` reads the answer of."""


def parse_facts(line: str) -> TargetFacts:
    """Read the answer to :data:`ASK_FACTS`.

    :param line: The line, without the ticket.
    """
    scope, identity, genuine, user, *missing = line.split()
    return TargetFacts(scope, identity, genuine == "1", int(user) if user.isdecimal() else -1, tuple(missing))
