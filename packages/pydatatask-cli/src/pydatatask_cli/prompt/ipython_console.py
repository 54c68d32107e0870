"""The prompt of IPython; its code runs in the event loop of another thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydatatask_cli.prompt.background_loop import BackgroundLoop

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["interact", "is_installed"]

T = TypeVar("T")

_BANNER = "IPython {version} with top-level await. At hand: {names}. Ctrl-D or exit leaves.\n"
_OF_IPYTHON = ("%", "!", "?")


class _Shell(Protocol):
    """The part of IPython's shell that is used; most of it has no types."""

    loop_runner: Callable[[Coroutine[Any, Any, Any]], Any]
    should_run_async: Callable[..., bool]

    def set_custom_exc(self, kinds: tuple[type[BaseException], ...], handler: Callable[..., None]) -> None: ...

    def show_banner(self, banner: str) -> None: ...

    def mainloop(self) -> None: ...


def is_installed() -> bool:
    """Tell whether IPython is installed."""
    from importlib.util import find_spec

    return find_spec("IPython") is not None


def interact(loop: BackgroundLoop, names: dict[str, object]) -> int:
    """Run IPython at a terminal until its user leaves it.

    :param loop: Runs the code.
    :param names: The names that the code finds defined.
    :returns: The exit status.
    """
    public = {name: value for name, value in names.items() if not name.startswith("_")}
    shell = _make_shell(public)
    shell.loop_runner = lambda cell: _run(loop, cell)
    shell.should_run_async = _runs_in_loop(shell.should_run_async)
    shell.set_custom_exc((asyncio.CancelledError,), _tell_of_interruption)
    shell.mainloop()
    return 0


def _make_shell(names: dict[str, object]) -> _Shell:
    """Make the shell, as the user has configured it."""
    import IPython

    terminal: Any = import_module("IPython.terminal.interactiveshell")
    application: Any = import_module("IPython.terminal.ipapp")
    configuration = application.load_default_config()
    shell: _Shell = terminal.TerminalInteractiveShell.instance(config=configuration, user_ns=dict(names))
    shell.show_banner(_BANNER.format(version=IPython.__version__, names=", ".join(sorted(names))))
    return shell


def _runs_in_loop(decide: Callable[..., bool]) -> Callable[..., bool]:
    """Run all code in the event loop, also code that awaits nothing, as it may create tasks.

    :param decide: Decides for magic commands. Some of them, such as ``%run``, may run an event loop of their own.
    """

    def decision(raw_cell: str, **details: Any) -> bool:
        return decide(raw_cell, **details) if raw_cell.lstrip().startswith(_OF_IPYTHON) else True

    return decision


def _run(loop: BackgroundLoop, cell: Coroutine[Any, Any, T]) -> T:
    """Run a cell in the loop, where Ctrl-C cancels it; a cell that another one runs is run in place."""
    if _is_inside_loop():
        return _run_in_place(cell)
    begun: Future[asyncio.Task[T]] = Future()

    async def run() -> T:
        task: asyncio.Task[T] | None = asyncio.current_task()
        assert task is not None
        begun.set_result(task)
        return await cell

    running = loop.submit(run())
    while True:
        try:
            return running.result()
        except KeyboardInterrupt:
            task = begun.result()
            task.get_loop().call_soon_threadsafe(task.cancel)
        except SystemExit:  # by a signal
            running.cancel()
            raise


def _is_inside_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_in_place(cell: Coroutine[Any, Any, T]) -> T:
    try:
        cell.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    cell.close()
    raise RuntimeError("a cell that is run by another one cannot await anything")


def _tell_of_interruption(
    shell: object,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType,
    tb_offset: int | None = None,
) -> None:
    sys.stderr.write("KeyboardInterrupt\n")
