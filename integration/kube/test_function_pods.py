"""Functions in pods: the whole way, through the command line of a user's script."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.kube.stages import until
from integration.kube.stub.cluster import StubCluster

SCRIPT = Path(__file__).parent / "function_pipeline.py"
FAILING = Path(__file__).parent / "failing_function_pipeline.py"


async def run_script(
    directory: Path, *arguments: str, kubeconfig: Path | None, script: Path = SCRIPT
) -> tuple[int, str]:
    environment = {**os.environ, "PYDATATASK_TEST_DIRECTORY": str(directory)}
    environment["KUBECONFIG"] = str(kubeconfig or "/nonexistent")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def records(directory: Path) -> dict[str, Any]:
    return {path.stem: yaml.safe_load(path.read_text()) for path in directory.glob("*.yaml")}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    for job, number in (("two", 2), ("eight", 8), ("nine", 9)):
        (tmp_path / "input" / f"{job}.yaml").write_text(f"{number}\n")
    return tmp_path


@pytest.mark.requirement("kubefunc.failed-pod", "kubefunc.no-rights", "podman.finds-config", "template.argv0")
async def test_a_function_runs_in_pods_and_what_came_of_it_is_recorded_twice(stub: StubCluster, data: Path) -> None:
    kubeconfig = data / "kubeconfig"
    stub.write_kubeconfig(kubeconfig)
    status, output = await run_script(data, "run", kubeconfig=kubeconfig)
    assert status == 0, output
    assert records(data / "output") == {"two": 1, "eight": 4}
    functions, pods = records(data / "func_done"), records(data / "kube_done")
    assert {job: record["result"] for job, record in functions.items()} == {
        "two": "success",
        "eight": "success",
        "nine": "exception",
    }
    assert functions["nine"]["exception"] == "ValueError('9 is odd')"
    assert {job: (record["reason"], record["exit_code"]) for job, record in pods.items()} == {
        "two": ("Succeeded", 0),
        "eight": ("Succeeded", 0),
        "nine": ("Failed", 1),
    }
    assert "9 is odd" in (data / "logs" / "nine.log").read_text()
    # Had the pods asked the cluster for anything, it would have been counted.
    assert stub.faults.counts["list"] == 1
    assert stub.faults.counts["create"] == 3


@pytest.mark.requirement("kubefunc.synchronous", "kubefunc.no-rights")
async def test_launched_in_a_process_without_a_cluster(data: Path) -> None:
    status, output = await run_script(data, "launch", "halve", "eight", "--force", "--sync", kubeconfig=None)
    assert (status, output) == (0, "")
    assert records(data / "output") == {"eight": 4}
    assert records(data / "func_done")["eight"]["result"] == "success"
    assert records(data / "kube_done") == {}
    status, output = await run_script(data, "launch", "halve", "nine", "--force", "--sync", kubeconfig=None)
    assert status == 1
    assert "9 is odd" in output


@pytest.mark.requirement("kubefunc.success", "kubefunc.exception", "retry.attempt")
async def test_what_a_function_raises_travels_to_the_record_of_its_failure(stub: StubCluster, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    for job in ("first", "second", "hopeless", "killed", "late"):
        (tmp_path / "input" / f"{job}.yaml").write_text("1\n")
    stub.write_kubeconfig(tmp_path / "kubeconfig")
    status, output = await run_script(tmp_path, "run", kubeconfig=tmp_path / "kubeconfig", script=FAILING)
    assert status == 3, output
    done, failures = records(tmp_path / "kube_done"), records(tmp_path / "failures")
    assert {job: record["attempt"] for job, record in done.items()} == {"first": 1, "second": 2, "late": 1}
    assert records(tmp_path / "output") == {"first": 1, "second": 2, "late": 1}
    # Its pod has failed, but its function had said before that it has succeeded.
    assert (done["late"]["reason"], done["late"]["exit_code"]) == ("Failed", 9)
    assert records(tmp_path / "func_done").keys() == done.keys()
    assert done["second"]["earlier"][0]["summary"] == "RuntimeError('attempt 1')"
    assert {job: (record["kind"], record["attempt"]) for job, record in failures.items()} == {
        "hopeless": ("exception", 1),
        "killed": ("exit", 3),
    }
    hopeless = failures["hopeless"]
    assert hopeless["exception"].startswith("HopelessError('so it is é")
    assert hopeless["exception_types"] == ["__main__.HopelessError", "ValueError", "Exception"]
    assert "so it is" in (tmp_path / "logs" / "hopeless.log").read_text()
    assert "Traceback (most recent call last)" in (tmp_path / "logs" / "hopeless.log").read_text()


@pytest.mark.requirement("pod.cancel")
async def test_the_command_cancels_a_pod_that_another_process_watches(stub: StubCluster, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "endless.yaml").write_text("1\n")
    kubeconfig = tmp_path / "kubeconfig"
    stub.write_kubeconfig(kubeconfig)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(run_script(tmp_path, "run", kubeconfig=kubeconfig, script=FAILING))
        await until(lambda: [pod for pod in stub.store.pods.values() if pod["status"]["phase"] == "Running"])
        status, output = await run_script(tmp_path, "cancel", "work", "endless", kubeconfig=kubeconfig, script=FAILING)
        assert (status, output) == (0, "endless work cancelled\n")
    assert running.result()[0] == 3
    record = records(tmp_path / "failures")["endless"]
    assert (record["kind"], record["attempt"]) == ("cancelled", 1)
    assert records(tmp_path / "func_done") == {}
    assert stub.store.pods == {}


@pytest.mark.requirement("kubefunc.success")
async def test_launched_by_hand_a_function_that_fails_leaves_no_record_of_an_earlier_success(
    stub: StubCluster, tmp_path: Path
) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "func_done").mkdir()
    (tmp_path / "func_done" / "hopeless.yaml").write_text("{result: success}\n")
    launch = ("launch", "work", "hopeless", "--force", "--sync")
    status, output = await run_script(tmp_path, *launch, kubeconfig=None, script=FAILING)
    assert status == 1
    assert "HopelessError" in output
    assert records(tmp_path / "func_done") == records(tmp_path / "failures") == {}
