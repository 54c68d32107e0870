"""The states of a claim: one table of transitions, and one table of jobs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from pydatatask_exec.processes.claims import TRANSITIONS, ClaimEvent, ClaimState, ProcessClaim, ProcessClaims

START = datetime(2024, 1, 1, tzinfo=UTC)


class Table:
    """Claims with a record of those that have ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.claims = ProcessClaims(lambda claim: self.ended.append(claim.job))

    def add(self, job: str = "job", state: ClaimState = ClaimState.LAUNCHING) -> ProcessClaim:
        claim = ProcessClaim(job, START, state=state)
        self.claims.add(claim)
        return claim

    def send(self, claim: ProcessClaim, event: ClaimEvent) -> None:
        match event:
            case ClaimEvent.LAUNCHED_WATCHED:
                self.claims.launched(claim, True)
            case ClaimEvent.LAUNCHED_POLLED:
                self.claims.launched(claim, False)
            case ClaimEvent.WATCH_LOST:
                self.claims.unwatch(claim)
            case ClaimEvent.PROCESS_ENDED:
                self.claims.end(claim)
            case ClaimEvent.RELEASE:
                self.claims.release(claim)


@pytest.mark.parametrize("events", list(itertools.product(ClaimEvent, repeat=3)))
def test_every_sequence_of_events_follows_the_table(events: tuple[ClaimEvent, ...]) -> None:
    table = Table()
    claim = table.add()
    state = ClaimState.LAUNCHING
    for event in events:
        table.send(claim, event)
        state = TRANSITIONS.get((state, event), state)
        assert claim.state is state
        is_live = state is not ClaimState.RELEASED
        assert (len(table.claims), list(table.claims)) == ((1, [claim]) if is_live else (0, []))
        due = table.claims.due(0.0, 1000.0)
        assert due == ([claim] if state in (ClaimState.ENDED, ClaimState.POLLED) else [])
    assert len(table.ended) <= 1
    assert table.claims.had("job") == (state is ClaimState.RELEASED)


def test_a_released_claim_is_final_and_every_state_can_be_released() -> None:
    assert ClaimState.RELEASED not in {state for state, _ in TRANSITIONS}
    for state in set(ClaimState) - {ClaimState.RELEASED}:
        assert TRANSITIONS[state, ClaimEvent.RELEASE] is ClaimState.RELEASED


def test_an_end_during_the_launch_is_reported_with_its_finish() -> None:
    table = Table()
    claim = table.add()
    table.claims.end(claim)
    assert table.ended == []
    table.claims.launched(claim, True)
    assert table.ended == ["job"]


def test_a_foreign_claim_is_not_live_and_may_get_another_owner() -> None:
    table = Table()
    table.add("theirs", ClaimState.FOREIGN)
    mine = table.add("mine")
    assert (list(table.claims), len(table.claims)) == ([mine], 1)
    assert table.claims.get("theirs") is None
    assert table.claims.without(["theirs", "mine", "new"]) == ["theirs", "new"]
    adopted = table.add("theirs")
    assert table.claims.get("theirs") is adopted
    assert table.claims.foreign() == {}


def test_late_news_of_an_earlier_claim_of_a_job_is_ignored() -> None:
    table = Table()
    earlier = table.add()
    table.claims.release(earlier)
    later = table.add()
    table.claims.launched(earlier, True)
    table.claims.end(earlier)
    assert later.state is ClaimState.LAUNCHING
    assert table.ended == []
