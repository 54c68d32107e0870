"""The protocol between a pipeline and a supervisor, by a pipe in each direction.

A request is a length and as many bytes; an empty one means that there will be no more. The answers to a request are
lines that begin with its ticket:

====================  =====================================================================================
``started IDENTITY``  The process runs.
``lost``              Another controller has claimed the job.
``contended``         It is not claimed, as another controller may have done it; version 1 says ``crowded``.
``failed ERRNO``      The process could not be started.
``ended``             It has ended, and its exit status is recorded.
``version NUMBER``    The answer to :data:`HELLO`.
====================  =====================================================================================

A line that begins with :data:`CRASHED` says why the supervisor has to end.

The library may be replaced while jobs run, so a pipeline and its supervisor may differ by one version. The pipeline's
first request is :data:`HELLO`, in the layout of version 1. A supervisor of version 1 answers that it has failed, a
later one answers its version, and both go on with the lower of the two. A pipeline of version 1 sends no such request.
"""

from __future__ import annotations

import os

__all__ = [
    "CRASHED",
    "CWD",
    "EXE",
    "HELLO",
    "IDENTITY",
    "OWNER",
    "OWNER_FILE",
    "RECORDER",
    "RETURN_CODE",
    "STDIN",
    "TIMED_OUT",
    "VERSION",
    "Claim",
    "Request",
    "Requests",
    "hello",
    "no_more_requests",
]

VERSION = 3
"""The version of this protocol, which is understood beside those before it.

Version 2 adds reservations, version 3 the time that a job has.
"""

HELLO = b"hello"
"""The ticket of the request that begins a connection."""

IDENTITY, EXE, CWD, RETURN_CODE, STDIN = b"pid", b"exe", b"cwd", b"return_code", b"stdin"
OWNER_FILE, TIMED_OUT = b"owner", b"timed_out"
"""Files and directories in the directory of a job."""

RECORDER = b"supervisor "
"""The word before the identity of the supervisor, on the first line of the file for the identity."""

OWNER = b"owner "
"""The word before the controller and the attempt of a claim, on the second line of that file, or in a reservation."""

CRASHED = b"!"
"""The word, in place of a ticket, before the reason for which a supervisor has to end."""

_SIZE = 4
_CLAIM_FIELDS = {1: 6, 2: 8, 3: 10}
_VERSION_VARIABLE = b"PYDATATASK_PROTOCOL="
_CHUNK = 1 << 16


class Claim:
    """The directory of a job, which is made for it or has been reserved for it.

    :param path: The directory.
    :param staging: The staging directory in which it is filled, on the same file system.
    :param script: The executable.
    :param stdin: The input, or None if there is none or it is in a file already.
    :param staged: The file that is to become the input, or nothing.
    :param token: The exclusivity token, or nothing. It is the time at which the parent of the staging directories last
        changed, in nanoseconds: the claim is made only if no other controller has come or gone since.
    :param owner: The line that says who makes the claim, or nothing.
    :param reserved: Whether the directory exists already, as a reservation with that line in a file. Then it is filled
        in place, and only if it is that very reservation and has not been revoked.
    :param deadline: After how many seconds the process group is told to end, or None.
    :param grace: How many seconds later it is killed.
    """

    __slots__ = ("deadline", "grace", "owner", "path", "reserved", "script", "staged", "staging", "stdin", "token")

    def __init__(
        self,
        path: bytes,
        staging: bytes,
        script: bytes,
        stdin: bytes | None,
        staged: bytes,
        token: bytes = b"",
        owner: bytes = b"",
        reserved: bool = False,
        deadline: float | None = None,
        grace: float = 0.0,
    ) -> None:
        self.path: bytes = path
        self.staging: bytes = staging
        self.script: bytes = script
        self.stdin: bytes | None = stdin
        self.staged: bytes = staged
        self.token: bytes = token
        self.owner: bytes = owner
        self.reserved: bool = reserved
        self.deadline: float | None = deadline
        self.grace: float = grace

    def fields(self, version: int) -> list[bytes]:
        """Return the fields of a request that describe the claim.

        :param version: The version of the protocol.
        """
        given = b"" if self.stdin is None else b"=" + self.stdin
        known = [self.path, self.staging, self.script, given, self.staged, self.token]
        if version < 2:
            return known
        known += [self.owner, b"1" if self.reserved else b""]
        if version < 3:
            return known
        return [*known, b"" if self.deadline is None else b"%.3f" % self.deadline, b"%.3f" % self.grace]

    @classmethod
    def read(cls, fields: list[bytes]) -> Claim | None:
        """Read a claim, or None where there is none.

        :param fields: What :meth:`fields` returns, or as many empty ones.
        """
        path, staging, script, given, staged, token, *later = fields
        if not path:
            return None
        owner, reserved, deadline, grace = (*later, b"", b"", b"", b"")[:4]
        stdin = given[1:] if given else None
        seconds = float(deadline) if deadline else None
        return cls(path, staging, script, stdin, staged, token, owner, bool(reserved), seconds, float(grace or 0))


class Request:
    """A process to be run, and where its outcome goes. All paths are absolute.

    :param ticket: The word that its answers begin with.
    :param cwd: The directory to run the process in.
    :param return_code: The file for the exit status.
    :param streams: The files for standard input, output and error, each empty for ``/dev/null``. If the last two are
        the same, both are interleaved.
    :param args: The command line.
    :param environ: Variables to add to the environment, as ``NAME=VALUE``.
    :param claim: The directory to be made for the job before, or None.
    """

    __slots__ = ("args", "claim", "cwd", "environ", "return_code", "streams", "ticket")

    def __init__(
        self,
        ticket: bytes,
        cwd: bytes,
        return_code: bytes,
        streams: tuple[bytes, bytes, bytes],
        args: list[bytes],
        environ: list[bytes],
        claim: Claim | None,
    ) -> None:
        self.ticket: bytes = ticket
        self.cwd: bytes = cwd
        self.return_code: bytes = return_code
        self.streams: tuple[bytes, bytes, bytes] = streams
        self.args: list[bytes] = args
        self.environ: list[bytes] = environ
        self.claim: Claim | None = claim

    def encode(self, version: int) -> bytes:
        """Return the bytes to send.

        :param version: The version of the protocol.
        """
        claim = [b""] * _CLAIM_FIELDS[version] if self.claim is None else self.claim.fields(version)
        count = b"%d" % len(self.args)
        fields = [self.ticket, self.cwd, self.return_code, *self.streams, count, *claim, *self.args, *self.environ]
        return _sized(b"".join([_sized(field) for field in fields]))

    @classmethod
    def decode(cls, body: bytes, version: int) -> Request:
        """Read a request.

        :param body: Its bytes, without the length.
        :param version: The version of the protocol.
        """
        ticket, cwd, return_code, stdin, stdout, stderr, count, *rest = _fields(body)
        end, number = _CLAIM_FIELDS[version], int(count)
        claim, words = Claim.read(rest[:end]), rest[end:]
        return cls(ticket, cwd, return_code, (stdin, stdout, stderr), words[:number], words[number:], claim)


def _sized(content: bytes) -> bytes:
    return len(content).to_bytes(_SIZE, "little") + content


def _fields(body: bytes) -> list[bytes]:
    fields: list[bytes] = []
    begin = 0
    while begin < len(body):
        end = begin + _SIZE + int.from_bytes(body[begin : begin + _SIZE], "little")
        fields.append(body[begin + _SIZE : end])
        begin = end
    return fields


def no_more_requests() -> bytes:
    """Return the bytes to send when there will be no more requests."""
    return _sized(b"")


def hello(version: int = VERSION) -> bytes:
    """Return the bytes to send first. No supervisor can run that request, whatever its version.

    :param version: The version of the pipeline.
    """
    words = [_VERSION_VARIABLE + b"%d" % version]
    return Request(HELLO, b"/", b"/dev/null", (b"", b"", b""), [], words, None).encode(1)


class Requests:
    """Read requests from a pipe.

    :param descriptor: Our end of the pipe.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received = bytearray()
        self.version: int = 1
        """The version of the protocol, as far as the pipeline has told its own."""
        self.finished: bool = False
        """Whether there will be no more requests."""

    def read(self) -> list[Request]:
        """Wait for bytes, and return the requests that are complete with them."""
        block = os.read(self._descriptor, _CHUNK)
        self._received += block
        self.finished = not block
        requests: list[Request] = []
        while len(self._received) >= _SIZE:
            end = _SIZE + int.from_bytes(self._received[:_SIZE], "little")
            if len(self._received) < end:
                break
            body = bytes(self._received[_SIZE:end])
            del self._received[:end]
            if body:
                request = Request.decode(body, self.version)
                if request.ticket == HELLO:  # at once: the next request may be in the same block
                    self.version = min(VERSION, _version(request))
                requests.append(request)
            else:
                self.finished = True
        return requests


def _version(request: Request) -> int:
    for word in request.environ:
        if word.startswith(_VERSION_VARIABLE):
            return int(word.removeprefix(_VERSION_VARIABLE))
    return 1
