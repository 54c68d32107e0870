from __future__ import annotations

from pathlib import Path

import pytest
from exec_doubles import Records
from process_doubles import BlobReader, Blobs
from process_outcomes import SOON, OutcomeBench
from typing_extensions import override

from pydatatask_core.errors import (
    BrokenRecordError,
    ClusterError,
    JobNotFoundError,
    LaunchError,
    ManifestError,
    QuotaImpossibleError,
    StoreError,
    StoreUnreachableError,
    TargetUnreachableError,
    TemplateError,
)
from pydatatask_core.outcomes.retry_policy import Retry, RetryRule
from pydatatask_exec.launching.launch_failures import lies_in_the_job

SH = "#!/bin/sh\n"


def template_error(cause: Exception | None) -> TemplateError:
    error = TemplateError("it fails")
    error.__cause__ = cause
    return error


@pytest.mark.requirement("proc.launch-failures")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (template_error(None), True),
        (template_error(ZeroDivisionError()), True),
        (template_error(BrokenRecordError("what is there is no record")), True),
        (template_error(JobNotFoundError("job", "the records")), True),
        (template_error(StoreUnreachableError("the server is down")), False),
        (template_error(OSError("the disk is gone")), False),
        (JobNotFoundError("job", "the inputs"), True),
        (UnicodeEncodeError("utf-8", "\udc80", 0, 1, "surrogates not allowed"), True),
        (StoreError("no"), False),
        (TargetUnreachableError("no"), False),
        (QuotaImpossibleError("no"), False),
        (ManifestError("it has no containers"), True),
        (ClusterError("it is invalid", 422, "Invalid"), True),
        (ClusterError("it cannot be decoded", 400, "BadRequest"), True),
        (ClusterError("no rights, or no room", 403, "Forbidden"), False),
        (ClusterError("the server has failed", 500), False),
        (ClusterError("nobody answers"), False),
        (LaunchError("no"), False),
        (OSError("no"), False),
    ],
)
def test_what_lies_in_the_job(error: Exception, expected: bool) -> None:
    assert lies_in_the_job(error) is expected


@pytest.mark.requirement("proc.launch-failures")
async def test_a_launch_that_always_fails_becomes_a_failure(tmp_path: Path) -> None:
    broken = Records({"good": {"size": 1}, "bad": {}})
    retry = Retry(delay=SOON, jitter=0, rules=[RetryRule(kind="launch", then="give-up")])
    bench = OutcomeBench(tmp_path, SH + "exit {{ 1 - sizes.size }}", ("good", "bad"), retry=retry)
    bench.task.link("sizes", broken, is_input=True)
    reported: list[str] = []
    bench.task.failure_listener = lambda job, error: reported.append(job)
    await bench.run()
    assert bench.done.data.keys() == {"good"}
    record = bench.failures.data["bad"]
    assert (record["kind"], record["attempt"], record["return_code"]) == ("launch", 1, None)
    assert "size" in record["summary"]
    assert reported == ["bad"]
    assert broken.asked.count("bad") == 5
    assert (bench.pids.data, bench.leftovers) == ({}, [])


class Down(Blobs):
    """A store that cannot be reached for a while."""

    def __init__(self) -> None:
        super().__init__({"job": b"input"})
        self.asked = 0

    @override
    async def open_reader(self, job: str) -> BlobReader:
        self.asked += 1
        if self.asked <= 7:
            raise StoreUnreachableError("the server is down")
        return await super().open_reader(job)


@pytest.mark.requirement("proc.launch-failures")
async def test_a_store_that_is_down_is_nothing_that_a_job_is_charged_for(tmp_path: Path) -> None:
    stdin = Down()
    bench = OutcomeBench(tmp_path, SH + "cat", stdin=stdin)
    async with bench.pipeline():
        bench.task.synchronous = True
        for _ in range(7):
            with pytest.raises(StoreUnreachableError):
                await bench.task.launch("job")
        assert bench.failures.data == {}
        await bench.task.launch("job")
    assert bench.done.data["job"]["attempt"] == 1
    assert bench.stdout.data == {"job": b"input"}
