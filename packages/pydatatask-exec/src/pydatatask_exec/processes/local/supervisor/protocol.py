"""The protocol between a pipeline and a supervisor, by a pipe in each direction.

A request is a length and as many bytes; an empty one means that there will be no more. The answers to a request are
lines that begin with its ticket:

====================  ====================================================
``started IDENTITY``  The process runs.
``lost``              Another controller has claimed the job.
``crowded``           It is not claimed, as another controller may have done it.
``failed ERRNO``      The process could not be started.
``ended``             It has ended, and its exit status is recorded.
====================  ====================================================

A line that begins with :data:`CRASHED` says why the supervisor has to end.
"""

from __future__ import annotations

import os

__all__ = [
    "CRASHED",
    "CWD",
    "EXE",
    "IDENTITY",
    "RECORDER",
    "RETURN_CODE",
    "STDIN",
    "Claim",
    "Request",
    "Requests",
    "no_more_requests",
]

IDENTITY, EXE, CWD, RETURN_CODE, STDIN = b"pid", b"exe", b"cwd", b"return_code", b"stdin"
"""Files and directories in the directory of a job."""

RECORDER = b"supervisor "
"""The word before the identity of the supervisor, on the first line of the file for the identity."""

CRASHED = b"!"
"""The word, in place of a ticket, before the reason for which a supervisor has to end."""

_SIZE = 4
_CHUNK = 1 << 16


class Claim:
    """The directory of a job, which is made for it.

    :param path: The directory.
    :param staging: The staging directory in which it is filled, on the same file system.
    :param script: The executable.
    :param stdin: The input, or None if there is none or it is in a file already.
    :param staged: The file that is to become the input, or nothing.
    :param token: The exclusivity token, or nothing. It is the time at which the parent of the staging directories last
        changed, in nanoseconds: the claim is made only if no other controller has come or gone since.
    """

    __slots__ = ("path", "script", "staged", "staging", "stdin", "token")

    def __init__(
        self, path: bytes, staging: bytes, script: bytes, stdin: bytes | None, staged: bytes, token: bytes = b""
    ) -> None:
        self.path: bytes = path
        self.staging: bytes = staging
        self.script: bytes = script
        self.stdin: bytes | None = stdin
        self.staged: bytes = staged
        self.token: bytes = token


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

    def encode(self) -> bytes:
        """Return the bytes to send."""
        claim = self.claim
        made = [b"%d" % len(self.args), b"", b"", b"", b"", b"", b""]
        if claim is not None:
            given = b"" if claim.stdin is None else b"=" + claim.stdin
            made[1:] = [claim.path, claim.staging, claim.script, given, claim.staged, claim.token]
        fields = [self.ticket, self.cwd, self.return_code, *self.streams, *made, *self.args, *self.environ]
        body = b"".join([_sized(field) for field in fields])
        return _sized(body)

    @classmethod
    def decode(cls, body: bytes) -> Request:
        """Read a request.

        :param body: Its bytes, without the length.
        """
        ticket, cwd, return_code, stdin, stdout, stderr, count, *rest = _fields(body)
        path, staging, script, given, staged, token, *words = rest
        claim = Claim(path, staging, script, given[1:] if given else None, staged, token) if path else None
        number = int(count)
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


class Requests:
    """Read requests from a pipe.

    :param descriptor: Our end of the pipe.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received = bytearray()
        self.over: bool = False

    def read(self) -> list[Request]:
        """Wait for bytes, and return the requests that are complete with them."""
        block = os.read(self._descriptor, _CHUNK)
        self._received += block
        self.over = not block
        requests: list[Request] = []
        while len(self._received) >= _SIZE:
            end = _SIZE + int.from_bytes(self._received[:_SIZE], "little")
            if len(self._received) < end:
                break
            body = bytes(self._received[_SIZE:end])
            del self._received[:end]
            if body:
                requests.append(Request.decode(body))
            else:
                self.over = True
        return requests
