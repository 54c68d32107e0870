from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import pytest
from core_doubles import Records

from pydatatask_core.outcomes.claims import CLAIMS, Claims, is_held_elsewhere
from pydatatask_core.outcomes.recorder import Outcomes
from pydatatask_core.outcomes.repair import OutcomeRepair


def test_no_two_claims_are_alike() -> None:
    some, others = Claims(), Claims()
    claims = [made for maker in (some, others) for made in (maker.of_first, maker.next(), maker.next())]
    assert len(set(claims)) == 6


def test_a_forked_process_makes_other_claims() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, CLAIMS.of_first.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() not in {"", CLAIMS.of_first}


async def test_a_first_attempt_is_in_flight_whether_or_not_more_of_it_is_known() -> None:
    these = Outcomes("work", Records(), Records(), None)
    these.first["j"] = None
    assert these.claims() == {"j": CLAIMS.of_first}
    attempt = these.track_first("j")
    assert (attempt.number, attempt.claim, attempt.earlier) == (1, CLAIMS.of_first, None)
    assert these.claims() == {"j": CLAIMS.of_first}
    these.end("j")
    assert these.claims() == {}


@pytest.fixture
def other() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Another process, and a claim that it has made."""
    code = "from pydatatask_core.outcomes.claims import CLAIMS; print(CLAIMS.next(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
        process.kill()


def test_a_claim_of_another_process_is_held_as_long_as_that_lives(other: tuple[str, subprocess.Popen[str]]) -> None:
    claim, process = other
    assert is_held_elsewhere(claim)
    process.kill()
    process.wait()
    assert not is_held_elsewhere(claim)


def test_a_claim_of_a_process_that_has_ended_is_not_held_before_its_parent_notices(
    other: tuple[str, subprocess.Popen[str]],
) -> None:
    claim, process = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_held_elsewhere(claim)


def test_a_claim_of_an_unknown_process_is_not_held(other: tuple[str, subprocess.Popen[str]]) -> None:
    claim, process = other
    assert not is_held_elsewhere(f"elsewhere{claim}")
    assert not is_held_elsewhere(claim.replace(f"/{process.pid}@", f"/{process.pid}@1"))  # it has another start time
    assert not is_held_elsewhere(claim.replace(f"/{process.pid}@", "/99999999999999999999@"))


@pytest.mark.parametrize(
    "claim", [None, "", "/", "//@/", "0", "1@2@3", "b5a3b6c0-0000-4000-8000-123456789abc", "/0@/x"]
)
def test_a_claim_of_another_kind_is_not_held(claim: str | None) -> None:
    assert not is_held_elsewhere(claim)


def test_an_own_claim_is_not_held_elsewhere() -> None:
    assert not is_held_elsewhere(CLAIMS.next())


@pytest.mark.requirement("outcome.interrupted-elsewhere")
async def test_an_attempt_that_another_process_runs_is_not_taken_for_an_interrupted_one(
    other: tuple[str, subprocess.Popen[str]],
) -> None:
    claim, process = other
    these = Outcomes("work", Records(), failures := Records(), None)
    repair = OutcomeRepair(these, live=nothing)
    now = datetime.now(UTC)
    begun = {"kind": "exit", "attempt": 2, "end_time": now, "started": now, "claim": claim}
    failures.data = {"j": begun}
    assert [await repair.look() for _ in range(3)] == [set()] * 3
    assert failures.data == {"j": begun}
    process.kill()
    await asyncio.to_thread(process.wait)
    assert [await repair.look() for _ in range(3)] == [set(), {"j"}, set()]
    assert failures.data["j"]["kind"] == "interrupted"


async def nothing(jobs: AbstractSet[str]) -> AbstractSet[str]:
    return set()
