from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_cli.fuse.draft import Draft
from pydatatask_cli.fuse.draft_state import (
    DRAFT_TRANSITIONS,
    OPENING_TRANSITIONS,
    DraftEvent,
    DraftState,
    Machine,
    OpeningEvent,
    OpeningState,
)
from pydatatask_cli.fuse.spooled_file import SpooledFile
from pydatatask_core.errors import RecordTypeError


@pytest.fixture
async def draft() -> AsyncIterator[Draft]:
    made = Draft("book")
    yield made
    await made.remove()


IMPOSSIBLE = {
    # Writes and stores take turns.
    (DraftState.STORING, DraftEvent.WRITE),
    (DraftState.STORING, DraftEvent.EMPTYING),
    (DraftState.STORING, DraftEvent.WRITE_FAILURE),
    (DraftState.STORING, DraftEvent.STORE),
    # Nothing is stored of a file that is damaged or deleted.
    (DraftState.BROKEN, DraftEvent.STORE),
    (DraftState.REMOVED, DraftEvent.STORE),
    # A write begins before it fails, and a store before it ends.
    (DraftState.CLEAN, DraftEvent.WRITE_FAILURE),
    *product((DraftState.CLEAN, DraftState.CHANGED, DraftState.BROKEN), (DraftEvent.SUCCESS, DraftEvent.REFUSAL)),
}


def test_the_table_of_drafts_leaves_out_exactly_what_cannot_happen() -> None:
    assert set(product(DraftState, DraftEvent)) - DRAFT_TRANSITIONS.keys() == IMPOSSIBLE


@pytest.mark.parametrize(("state", "event"), sorted(IMPOSSIBLE, key=str))
def test_what_cannot_happen_is_an_error_and_changes_nothing(state: DraftState, event: DraftEvent) -> None:
    machine = Machine(state, DRAFT_TRANSITIONS)
    with pytest.raises(RuntimeError, match=f"{event.value} cannot happen while {state.value}"):
        machine.move(event)
    assert machine.state is state


@given(st.lists(st.sampled_from(DraftEvent)))
def test_a_removed_draft_stays_removed(events: list[DraftEvent]) -> None:
    machine = Machine(DraftState.CLEAN, DRAFT_TRANSITIONS)
    machine.move(DraftEvent.REMOVAL)
    for event in events:
        if event is not DraftEvent.STORE:
            machine.move(event)
    assert machine.state is DraftState.REMOVED


@given(st.lists(st.sampled_from(DraftEvent)))
def test_a_failed_write_is_undone_by_emptying_alone(events: list[DraftEvent]) -> None:
    machine = Machine(DraftState.BROKEN, DRAFT_TRANSITIONS)
    for event in events:
        if event not in (DraftEvent.EMPTYING, DraftEvent.REMOVAL) and (machine.state, event) in DRAFT_TRANSITIONS:
            machine.move(event)
    assert machine.state is DraftState.BROKEN


def test_a_reader_never_becomes_a_writer() -> None:
    reading = {event for state, event in OPENING_TRANSITIONS if state is OpeningState.READING}
    assert reading == {OpeningEvent.RELEASE}


def test_a_file_that_looked_closed_can_be_written_again() -> None:
    machine = Machine(OpeningState.WRITING, OPENING_TRANSITIONS)
    for event in (OpeningEvent.CLOSE, OpeningEvent.FAILURE, OpeningEvent.WRITE):
        machine.move(event)
    assert machine.state is OpeningState.WRITING


async def test_a_draft_goes_from_written_to_stored(draft: Draft) -> None:
    stored = list[bytes]()

    async def write(content: SpooledFile) -> None:
        assert draft.state is DraftState.STORING
        stored.append(await content.read(0, 100))

    assert draft.state is DraftState.CLEAN
    await draft.write(0, b"text")
    assert (draft.has_changes, draft.is_job) == (True, False)
    await draft.store(write)
    assert (draft.has_changes, draft.is_job, stored) == (False, True, [b"text"])


async def test_a_draft_that_the_repository_refuses_is_still_to_be_stored(draft: Draft) -> None:

    async def refuse(content: SpooledFile) -> None:
        raise RecordTypeError("no record")

    await draft.write(0, b"text")
    with pytest.raises(RecordTypeError):
        await draft.store(refuse)
    assert (draft.state, draft.is_job) == (DraftState.CHANGED, False)


async def test_a_cancelled_store_leaves_the_draft_to_be_stored(draft: Draft) -> None:
    begun = asyncio.Event()

    async def hang(content: SpooledFile) -> None:
        begun.set()
        await asyncio.Event().wait()

    await draft.write(0, b"text")
    storing = asyncio.create_task(draft.store(hang))
    await begun.wait()
    storing.cancel()
    await asyncio.wait([storing])
    assert draft.state is DraftState.CHANGED


async def test_a_draft_that_could_not_be_written_is_not_stored(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:

    async def full(self: SpooledFile, offset: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def write(content: SpooledFile) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(SpooledFile, "write", full)
        with pytest.raises(OSError, match="No space left"):
            await draft.write(0, b"text")
    await draft.write(0, b"text")
    with pytest.raises(OSError, match="No space left"):
        await draft.store(write)
    assert draft.state is DraftState.BROKEN
    await draft.truncate(0)
    draft.check()
    assert repr(draft) == "<Draft book changed>"


async def test_who_has_a_draft_open_follows_from_its_openings(draft: Draft) -> None:
    reader, writer = draft.open(may_write=False), draft.open(may_write=True)
    assert (draft.is_open_for_writing, draft.is_being_written) == (True, True)
    writer.move(OpeningEvent.CLOSE)
    assert (draft.is_open_for_writing, draft.is_being_written) == (True, False)
    draft.release(writer)
    assert (draft.is_open_for_writing, draft.is_being_written) == (False, False)
    draft.release(reader)


async def test_a_removed_draft_keeps_its_content_while_it_is_open(draft: Draft) -> None:
    opening = draft.open(may_write=True)
    await draft.write(0, b"text")
    await draft.remove()
    await draft.write(4, b"!")
    assert await draft.read(0, 100) == b"text!"
    draft.release(opening)
    await draft.close()
    assert draft.size == 0
