"""The first process of a container: it starts and kills a pipeline in there, as lines on standard input say.

``start`` starts one, ``kill`` kills it, and ``wait`` waits for its end and prints its exit status.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


def main(argv: list[str]) -> None:
    """Carry out the commands, until there are no more.

    :param argv: The command line of the pipeline.
    """
    pipeline: subprocess.Popen[bytes] | None = None
    for line in sys.stdin:
        command = line.strip()
        if command == "start":
            pipeline = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        elif pipeline is not None:
            if command == "kill":
                pipeline.send_signal(signal.SIGKILL)
            sys.stdout.write(f"{pipeline.wait()}\n")
            sys.stdout.flush()
            reap_orphans()


def reap_orphans() -> None:
    """Wait for what killed pipelines have left and has ended since, as the first process of a container has to."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass  # one more
    except ChildProcessError:
        return


if __name__ == "__main__":
    main(sys.argv[1:])
