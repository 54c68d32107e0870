from __future__ import annotations

import asyncio
import functools
import gc
import logging
import pickle
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, assert_type

import pytest

from pydatatask_core.errors import (
    ClosedSessionError,
    DefinitionError,
    DuplicateNameError,
    NotPicklableError,
    SessionStateError,
)
from pydatatask_core.sessions.session import Session


class Recorded:
    """A session whose resources ``a``, ``b`` and ``c`` write into a log what happens to them."""

    def __init__(
        self, opening: dict[str, BaseException] | None = None, closing: dict[str, BaseException] | None = None
    ):
        self.log: list[str] = []
        self.opening = opening or {}
        self.closing = closing or {}
        self.hanging = ""
        self.hangs = asyncio.Event()
        self.session = Session()
        self.resources = {name: self.session.resource(self.manager(name)) for name in "abc"}

    def manager(self, name: str) -> Callable[[], AsyncGenerator[str, None]]:
        async def manage() -> AsyncGenerator[str, None]:
            await self.step(f"open {name}")
            if name in self.opening:
                raise self.opening[name]
            try:
                yield name.upper()
            except BaseException as error:
                self.log.append(f"{name} sees {type(error).__name__}")
                raise
            finally:
                await self.step(f"close {name}")
                if name in self.closing:
                    raise self.closing[name]

        manage.__name__ = name
        return manage

    async def step(self, step: str) -> None:
        self.log.append(step)
        if self.hanging == step:
            self.hangs.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


async def raise_within(session: Session, error: BaseException) -> None:
    async with session:
        raise error


@pytest.mark.requirement("session.resource", "session.context")
async def test_the_documented_example(tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(b"content")
    session = Session()

    @session.resource
    async def my_file_dst() -> AsyncGenerator[BinaryIO, None]:
        with (tmp_path / "dst").open("wb") as fp:
            yield fp

    @session.resource
    async def my_file_src() -> AsyncGenerator[BinaryIO, None]:
        with (tmp_path / "src").open("rb") as fp:
            yield fp

    async with session:
        my_file_dst().write(my_file_src().read())

    assert (tmp_path / "dst").read_bytes() == b"content"


@pytest.mark.requirement("session.context", "session.reverse-order")
async def test_resources_open_in_order_and_close_in_reverse() -> None:
    recorded = Recorded()
    async with recorded.session as session:
        assert session is recorded.session
        recorded.log.append("body")
    assert recorded.log == ["open a", "open b", "open c", "body", "close c", "close b", "close a"]


async def test_opening_and_closing_by_hand_is_the_same() -> None:
    recorded = Recorded()
    await recorded.session.open()
    assert recorded.resources["b"]() == "B"
    await recorded.session.close()
    assert recorded.log[3:] == ["close c", "close b", "close a"]


@pytest.mark.requirement("session.reopened")
async def test_a_session_can_be_opened_again() -> None:
    recorded = Recorded()
    for _ in range(3):
        async with recorded.session:
            assert recorded.resources["a"]() == "A"
    assert recorded.log == ["open a", "open b", "open c", "close c", "close b", "close a"] * 3


@pytest.mark.requirement("session.closed-resource")
async def test_using_a_resource_of_a_closed_session_is_an_error_that_names_it() -> None:
    recorded = Recorded()
    use = recorded.resources["b"]
    with pytest.raises(ClosedSessionError, match="'b'"):
        use()
    async with recorded.session:
        use()
    with pytest.raises(ClosedSessionError, match="'b'"):
        use()


async def test_a_resource_may_use_those_before_it_but_not_those_after() -> None:
    session = Session()
    seen: list[str] = []

    @session.resource
    async def ssh() -> AsyncGenerator[str, None]:
        with pytest.raises(ClosedSessionError, match="procman"):
            procman()
        yield "connection"

    @session.resource
    async def procman() -> AsyncGenerator[str, None]:
        yield f"manager over {ssh()}"
        seen.append(f"closing over {ssh()}")

    async with session:
        assert procman() == "manager over connection"
    assert seen == ["closing over connection"]


async def test_the_value_may_be_anything_none_included() -> None:
    session = Session()

    @session.resource
    async def nothing() -> AsyncGenerator[None, None]:
        yield

    async with session:
        assert nothing() is None


async def test_opening_an_open_session_is_refused_and_leaves_it_open() -> None:
    recorded = Recorded()
    async with recorded.session:
        with pytest.raises(SessionStateError, match="open"):
            await recorded.session.open()
        assert recorded.resources["c"]() == "C"
    assert recorded.log.count("open a") == 1


async def test_opening_closing_and_registering_while_it_is_being_opened_is_refused() -> None:
    recorded = Recorded()
    recorded.hanging = "open b"
    opening = asyncio.create_task(recorded.session.open())
    await recorded.hangs.wait()
    with pytest.raises(SessionStateError, match="being opened"):
        await recorded.session.open()
    with pytest.raises(SessionStateError, match="being opened"):
        await recorded.session.close()
    with pytest.raises(SessionStateError, match="being opened"):
        recorded.session.resource(recorded.manager("late"))
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert recorded.log == ["open a", "open b", "a sees CancelledError", "close a"]


async def test_registering_while_it_is_open_is_refused() -> None:
    recorded = Recorded()
    async with recorded.session:
        with pytest.raises(SessionStateError, match=r"'late'.*open"):
            recorded.session.resource(recorded.manager("late"))


@pytest.mark.requirement("session.duplicate")
async def test_two_resources_of_one_name_are_an_error() -> None:
    recorded = Recorded()
    with pytest.raises(DuplicateNameError, match="'b'"):
        recorded.session.resource(recorded.manager("b"))


async def test_closing_a_closed_session_does_nothing() -> None:
    recorded = Recorded()
    await recorded.session.close()
    async with recorded.session:
        await recorded.session.close()
    assert recorded.log.count("close a") == 1


@pytest.mark.requirement("session.failed-open")
async def test_an_open_that_fails_half_way_closes_what_it_opened() -> None:
    recorded = Recorded(opening={"c": ConnectionError("refused")})
    with pytest.raises(ConnectionError, match="refused") as caught:
        await recorded.session.open()
    assert recorded.log == [
        "open a",
        "open b",
        "open c",
        "b sees ConnectionError",
        "close b",
        "a sees ConnectionError",
        "close a",
    ]
    assert any("'c'" in note for note in caught.value.__notes__)
    with pytest.raises(ClosedSessionError):
        recorded.resources["a"]()
    recorded.opening.clear()
    async with recorded.session:
        assert recorded.resources["c"]() == "C"


@pytest.mark.requirement("session.reverse-order", "session.reopened")
async def test_all_resources_close_even_if_one_fails() -> None:
    recorded = Recorded(closing={"c": ConnectionError("broken")})
    with pytest.raises(ConnectionError, match="broken") as caught:
        async with recorded.session:
            pass
    assert recorded.log[3:] == ["close c", "close b", "close a"]
    assert any("'c'" in note for note in caught.value.__notes__)
    recorded.closing.clear()
    async with recorded.session:
        assert recorded.resources["c"]() == "C"


async def test_several_failures_are_raised_together() -> None:
    recorded = Recorded(closing={"a": ConnectionError("first"), "c": ValueError("second")})
    with pytest.raises(ExceptionGroup) as caught:
        async with recorded.session:
            pass
    assert [str(error) for error in caught.value.exceptions] == ["second", "first"]
    assert "close b" in recorded.log


async def test_resources_see_the_exception_that_leaves_the_block() -> None:
    recorded = Recorded()
    error = ZeroDivisionError("body")
    with pytest.raises(ZeroDivisionError) as caught:
        await raise_within(recorded.session, error)
    assert caught.value is error
    assert recorded.log[3:5] == ["c sees ZeroDivisionError", "close c"]
    assert recorded.log[-2:] == ["a sees ZeroDivisionError", "close a"]


async def test_a_resource_that_swallows_the_exception_does_not_keep_it_from_the_others() -> None:
    recorded = Recorded()

    @recorded.session.resource
    async def swallowing() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except ZeroDivisionError:
            recorded.log.append("swallowed")

    with pytest.raises(ZeroDivisionError):
        await raise_within(recorded.session, ZeroDivisionError())
    assert "swallowed" in recorded.log
    assert "a sees ZeroDivisionError" in recorded.log


async def test_a_failure_of_closing_does_not_reach_the_other_resources() -> None:
    recorded = Recorded(closing={"c": ConnectionError()})
    with pytest.raises(ConnectionError):
        async with recorded.session:
            pass
    assert not any("sees" in line for line in recorded.log)


async def test_a_failure_of_closing_comes_with_the_exception_of_the_block() -> None:
    recorded = Recorded(closing={"b": ConnectionError("broken")})
    error = ZeroDivisionError("body")
    with pytest.raises(ConnectionError, match="broken") as caught:
        await raise_within(recorded.session, error)
    assert caught.value.__context__ is error


@pytest.mark.parametrize("error", [StopIteration("x"), StopAsyncIteration("x"), RuntimeError("x")])
async def test_exceptions_that_generators_treat_specially_are_no_failures(error: Exception) -> None:
    recorded = Recorded()
    await recorded.session.open()
    await recorded.session.__aexit__(type(error), error, None)
    assert recorded.log[-2:] == [f"a sees {type(error).__name__}", "close a"]


async def test_the_traceback_does_not_wander_through_the_resources() -> None:
    recorded = Recorded()
    with pytest.raises(ZeroDivisionError) as caught:
        await raise_within(recorded.session, ZeroDivisionError())
    assert "manage" not in [entry.name for entry in caught.traceback]


async def test_a_system_exit_is_not_hidden_by_a_failure_of_closing(caplog: pytest.LogCaptureFixture) -> None:
    recorded = Recorded(closing={"b": ConnectionError("broken")})
    error = SystemExit(3)
    with pytest.raises(SystemExit) as caught:
        await raise_within(recorded.session, error)
    assert caught.value is error
    assert "_raise_failures" not in [entry.name for entry in caught.traceback]
    assert "broken" in caplog.text


async def test_cancelling_the_body_closes_all_and_goes_on_as_cancellation(caplog: pytest.LogCaptureFixture) -> None:
    recorded = Recorded(closing={"b": ConnectionError("broken")})
    inside = asyncio.Event()

    async def use() -> None:
        async with recorded.session:
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(use())
    await inside.wait()
    task.cancel()
    with caplog.at_level(logging.ERROR, "pydatatask.session"), pytest.raises(asyncio.CancelledError):
        await task
    assert [line for line in recorded.log if line.startswith("close")] == ["close c", "close b", "close a"]
    assert "broken" in caplog.text
    assert "'b'" in caplog.text


@pytest.mark.requirement("session.reverse-order")
async def test_a_close_that_is_cancelled_still_closes_all(caplog: pytest.LogCaptureFixture) -> None:
    recorded = Recorded(closing={"a": ConnectionError("broken")})
    await recorded.session.open()
    recorded.hanging = "close c"
    closing = asyncio.create_task(recorded.session.close())
    await recorded.hangs.wait()
    with pytest.raises(SessionStateError, match="being closed"):
        await recorded.session.close()
    closing.cancel()
    with caplog.at_level(logging.ERROR, "pydatatask.session"), pytest.raises(asyncio.CancelledError):
        await closing
    assert recorded.log[3:] == ["close c", "close b", "close a"]
    assert "broken" in caplog.text
    recorded.hanging = ""
    recorded.closing.clear()
    async with recorded.session:
        assert recorded.resources["a"]() == "A"


@pytest.mark.requirement("session.yields-once")
async def test_a_manager_that_yields_nothing_is_named() -> None:
    session = Session()

    @session.resource
    async def empty() -> AsyncGenerator[int, None]:
        for value in list[int]():
            yield value

    with pytest.raises(DefinitionError, match="'empty' yielded nothing"):
        await session.open()


@pytest.mark.requirement("session.yields-once")
@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
async def test_a_manager_that_yields_twice_is_named_and_finished(error: Exception | None) -> None:
    session = Session()
    log: list[str] = []

    @session.resource
    async def twice() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except ZeroDivisionError:
            log.append("seen")
        try:
            yield 2
        finally:
            log.append("finished")

    await session.open()
    with pytest.raises(DefinitionError, match="'twice' yielded more than once"):
        await session.__aexit__(type(error) if error else None, error, None)
    assert log[-1] == "finished"
    assert len(log) == (2 if error else 1)


async def test_the_error_of_a_manager_that_returns_the_resource_says_to_yield_it() -> None:
    async def resource() -> int:
        return 1

    session = Session()
    wrong: Any = resource
    session.resource(wrong)
    with pytest.raises(DefinitionError, match=r"'resource' must be .* `yield` of the resource, not `return`"):
        await session.open()
    gc.collect()  # a coroutine that was never awaited would be warned about, and warnings are errors


async def test_a_manager_of_another_kind_is_named() -> None:
    @asynccontextmanager
    async def context() -> AsyncGenerator[int, None]:
        yield 1

    session = Session()
    wrong: Any = context
    session.resource(wrong)
    with pytest.raises(DefinitionError, match="'context' must be made by an async generator function"):
        await session.open()


async def test_a_manager_without_a_name_is_called_by_its_type() -> None:
    async def make(value: str) -> AsyncGenerator[str, None]:
        yield value

    session = Session()
    resource = session.resource(functools.partial(make, "secret"))
    assert repr(resource) == "<session resource 'partial', closed>"


async def test_the_repr_tells_the_name_and_never_the_value() -> None:
    session = Session()

    @session.resource
    async def client() -> AsyncGenerator[str, None]:
        """Log in."""
        yield "password"

    assert repr(client) == "<session resource 'client', closed>"
    assert client.__name__ == "client"
    assert client.__doc__ == "Log in."
    async with session:
        assert repr(client) == "<session resource 'client', open>"


async def test_sessions_without_resources_work() -> None:
    async with Session() as session:
        assert isinstance(session, Session)


if TYPE_CHECKING:

    async def decorating_keeps_the_type(session: Session) -> None:
        @session.resource
        async def number() -> AsyncGenerator[int, None]:
            yield 1

        assert_type(number, Callable[[], int])
        assert_type(number(), int)
        async with session as opened:
            assert_type(opened, Session)


async def test_a_resource_refuses_to_be_sent_to_another_process_and_says_why() -> None:
    session = Session()

    @session.resource
    async def client() -> AsyncGenerator[object, None]:
        yield object()

    with pytest.raises(NotPicklableError, match="'client' cannot be sent to another process, as what it opens lives"):
        pickle.dumps(client)
    async with session:
        with pytest.raises(NotPicklableError, match="'client'"):
            pickle.dumps(client)
