"""What the scripts that drive other systems have in common. They run in environments in which nothing of ours is."""

import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager

TEXT = "word " * 204 + "end\n"


@contextmanager
def fresh_files(count, place):
    """Give a fresh directory with `count` texts in `texts`, and empty directories `counts` and `done`."""
    directory = tempfile.mkdtemp(prefix="peer-", dir=place)
    try:
        for name in ("texts", "counts", "done"):
            os.mkdir(f"{directory}/{name}")
        for number in range(count):
            with open(f"{directory}/texts/j{number}.txt", "w") as file:
                file.write(TEXT)
        yield directory
        if len(os.listdir(f"{directory}/counts")) != count:
            raise RuntimeError("not all words have been counted")
    finally:
        shutil.rmtree(directory)


def count_words(source, target):
    """Do what a job of w2 does, apart from recording that it is done."""
    with open(source) as file:
        words = len(file.read().split())
    with open(target + ".tmp", "w") as file:
        file.write(str(words))
    os.rename(target + ".tmp", target)


def timed(call):
    """Give the seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def main(workloads):
    """Run the workload that the command line names, with its arguments, and print its metrics."""
    print(json.dumps(workloads[sys.argv[1]](*sys.argv[2:])))
