"""Whatever variables a task is given, they are refused, or a process finds them as they are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

import pytest
from exec_doubles import Records
from hypothesis import example, given
from hypothesis import strategies as st
from process_doubles import Runner, by_script, by_supervisor

from pydatatask_core import ResourceManager, Resources
from pydatatask_core.errors import DefinitionError
from pydatatask_exec import LocalLinuxManager, ProcessTask
from pydatatask_exec.processes.launch_script import Launch

PIECES = [
    "A",
    "b",
    "_",
    "1",
    "-",
    "--",
    "=",
    "\0",
    "\n",
    " ",
    "'",
    '"',
    "$",
    "`",
    "\\",
    "é",
    "\udcff",
    "\ud800",
    ";",
    "IFS",
    "PATH",
    "%s",
    "x" * 300,
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join) | st.text(max_size=10)


def task(environ: dict[str, str]) -> ProcessTask:
    quota = ResourceManager(Resources.parse(1, 1))
    manager = LocalLinuxManager("app")
    return ProcessTask("work", lambda: manager, quota, Resources.parse(1, 1), Records(), "true", environ=environ)


def found_by_a_process(environ: dict[str, str], directory: str, run: Runner) -> dict[bytes, bytes]:
    output = Path(directory) / "output"
    launch = Launch(["/usr/bin/env", "-0"], directory, f"{directory}/return_code", environ, stdout=str(output))
    asyncio.run(asyncio.wait_for(run(launch), 20))
    variables = (line.partition(b"=") for line in output.read_bytes().split(b"\0") if line)
    return {name: value for name, _, value in variables}


@pytest.mark.fuzz
@pytest.mark.requirement("proc.environ")
@pytest.mark.parametrize("run", [by_script, by_supervisor])
@given(st.dictionaries(TEXTS, TEXTS, max_size=3))
@example({"-i": "x"})
@example({"--": "x"})
@example({"-": ""})
@example({"IFS": "=", "PATH": "", "_": "\n"})
@example({"a b": "$(exit 1)"})
def test_variables_are_refused_or_arrive_as_they_are(run: Runner, environ: dict[str, str]) -> None:
    with contextlib.suppress(DefinitionError), tempfile.TemporaryDirectory() as directory:
        found = found_by_a_process(task(environ).environ, directory, run)
        expected = {os.fsencode(name): os.fsencode(value) for name, value in environ.items()}
        assert found.items() >= expected.items()


@pytest.mark.requirement("ssh.environ-private")
@pytest.mark.parametrize("name", ["with.dot", "a b", "IFS", "PPID", "1A", "-i"])
def test_what_a_shell_cannot_set_is_refused_on_another_machine_and_shown_in_no_command_line(name: str) -> None:
    launch = Launch(["true"], "/", "/dev/null", {"FINE": "x", name: "secret"})
    with pytest.raises(DefinitionError, match=f"'{name}' of environ cannot be set on another machine"):
        launch.script()


@pytest.mark.parametrize(
    "environ", [{"": "x"}, {"A=B": "x"}, {"A\0": "x"}, {"A": "\0"}, {"A": "\ud800"}, {"\ud800": "x"}]
)
def test_what_no_environment_can_have_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(DefinitionError, match="cannot be set in the environment of a process"):
        task(environ)
