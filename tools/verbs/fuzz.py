"""`tools/dev fuzz`: give the tests of bad input, those marked `fuzz`, to a fuzzer that follows coverage."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from typing import Final

from tools.command import PYTHON, must_run
from tools.uv import program
from tools.workspace import ROOT

ENVIRONMENT: Final = ROOT / ".tools" / "fuzz"
"""An environment of its own: no other verb needs the fuzzer, which is large."""
STATE: Final = ROOT / ".tools" / "fuzzed"
"""What has been learnt of each test, for the next time: inputs that reach new code; and what was printed."""
PYTEST: Final = [str(ENVIRONMENT / "bin" / "python"), "-m", "pytest", "-q", "-m", "fuzz"]
NO_LIMITS: Final = ["-o", "timeout=0", "-o", "faulthandler_timeout=0"]
LONGEST_SECONDS: Final = 60
"""How long one input may take before it counts as one that hangs."""
FIRST_INPUTS: Final = (16, 64, 256, 1024)
_STATUS: Final = re.compile(r"#(?P<runs>\d+)\s.*cov: (?P<coverage>\d+)")


def main(arguments: list[str]) -> int:
    """Run them one after the other, and return 1 where something was found."""
    parser = argparse.ArgumentParser(prog="tools/dev fuzz", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="only tests whose module or name has it in it")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="for how long to try each (60)")
    parser.add_argument("--list", action="store_true", help="print the tests there are")
    options = parser.parse_args(arguments)
    make_environment()
    tests = [test for test in marked() if not options.words or any(word in test for word in options.words)]
    if not tests:
        parser.error("no test marked `fuzz` has such a name; --list prints those there are")
    if options.list:
        print(*tests, sep="\n")
        return 0
    found = [test for test in tests if _fuzz(test, options.seconds)]
    return 1 if found else 0


def make_environment() -> None:
    """Make the environment, or bring it up to date."""
    extras = ["--all-packages", "--all-extras", "--no-extra", "fuse"]
    sync = [program(), "sync", "--quiet", "--locked", *extras, "--no-default-groups", "--group", "fuzz"]
    must_run([*sync, "--python", PYTHON], env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)})


def marked() -> list[str]:
    """Give the node ids of the tests that are marked."""
    collect = [*PYTEST, "--collect-only", "packages"]
    listed = subprocess.run(collect, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if listed.returncode != 0:
        raise SystemExit(f"{listed.stdout}\nthe tests cannot be collected")
    return [line for line in listed.stdout.splitlines() if "::" in line]


def _fuzz(test: str, seconds: int) -> bool:
    """Fuzz a test, print a line about it, and tell whether something was found."""
    place = STATE / re.sub(r"[^A-Za-z0-9_.-]+", "-", test.rpartition("/")[2])
    inputs, log = place / "inputs", place / "log"
    inputs.mkdir(parents=True, exist_ok=True)
    if not any(inputs.iterdir()):
        for size in FIRST_INPUTS:
            (inputs / f"first-{size}").write_bytes(os.urandom(size))
    print(test, end=" ", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch, log.open("wb") as printed:
        command = [*PYTEST, "-s", "-p", "tools.fuzz.plugin", "-p", "no:cacheprovider", *NO_LIMITS]
        settings = [f"-max_total_time={seconds}", f"-timeout={LONGEST_SECONDS}", "-max_len=4096", "-len_control=0"]
        where = [f"-artifact_prefix={place}/", str(inputs)]
        chosen = [f"--libfuzzer={argument}" for argument in [*settings, *where]]
        status = subprocess.run(
            [*command, f"--basetemp={scratch}/tests", *chosen, test],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=os.environ | {"HYPOTHESIS_PROFILE": "dev"},
            check=False,
        ).returncode
    print(summary(log.read_text("utf-8", "replace")), flush=True)
    if status != 0:
        print(f"  ends with status {status}: see {log.relative_to(ROOT)}, or let hypothesis find the smallest input:")
        print(f"  tools/dev test '{test}'", flush=True)
    return status != 0


def summary(printed: str) -> str:
    """Say how many inputs were tried.

    :param printed: What the fuzzer has told.
    """
    told = _STATUS.findall(printed)
    return f"{told[-1][0]} inputs, coverage {told[-1][1]}" if told else "has told nothing"
