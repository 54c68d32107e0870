"""Python's own prompt with top-level ``await``; its code runs in the event loop of another thread."""

from __future__ import annotations

import ast
import inspect
import sys
import traceback
from code import InteractiveConsole
from concurrent.futures import CancelledError
from types import CodeType, FunctionType
from typing import Any

from typing_extensions import override

from pydatatask_cli.prompt.background_loop import BackgroundLoop

__all__ = ["interact"]

_BANNER = "Python {version} with top-level await. At hand: {names}. Ctrl-D or exit() leaves."


def interact(loop: BackgroundLoop, names: dict[str, object]) -> int:
    """Read and run Python from standard input until its end.

    On a terminal there are a banner, prompts and editing; a script from a pipe has only its own output.

    :param loop: Runs the code.
    :param names: The names that the code finds defined.
    :returns: The exit status.
    """
    console = _Console(loop, names)
    try:
        if console.for_a_person:
            _enable_editing(names)
        console.interact(_banner(names) if console.for_a_person else "", "")
    except SystemExit as request:
        return request.code if isinstance(request.code, int) else int(request.code is not None)
    return 0


def _banner(names: dict[str, object]) -> str:
    public = sorted(name for name in names if not name.startswith("_"))
    return _BANNER.format(version=sys.version.split()[0], names=", ".join(public))


def _enable_editing(names: dict[str, object]) -> None:
    """Give the prompt history and completion, where Python was built with them."""
    try:
        import readline
        import rlcompleter
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")


class _Console(InteractiveConsole):
    def __init__(self, loop: BackgroundLoop, names: dict[str, object]) -> None:
        super().__init__(names)
        self.for_a_person = sys.stdin.isatty()
        self._loop = loop
        self._names = names
        self._at_end = False
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    @override
    def raw_input(self, prompt: str = "") -> str:
        if self.for_a_person:
            return super().raw_input(prompt)
        line = sys.stdin.readline()
        if not line:
            if self._at_end or not self.buffer:
                raise SystemExit  # EOFError would print an empty line
            self._at_end = True  # the empty line that ends a block may be missing
        return line.removesuffix("\n")

    @override
    def runcode(self, code: CodeType) -> None:
        running = self._loop.submit(self._evaluate(code))
        try:
            error = running.result()
        except KeyboardInterrupt:
            running.cancel()
            self.write("\nKeyboardInterrupt\n")
            return
        except CancelledError:
            self.write("asyncio.CancelledError\n")
            self._stop_script()
            return
        except SystemExit:  # by a signal
            running.cancel()
            raise
        if isinstance(error, SystemExit):
            raise error
        if error is not None:
            self._show(error)

    async def _evaluate(self, code: CodeType) -> BaseException | None:
        """Run code and return what it raises: SystemExit and KeyboardInterrupt would end the event loop."""
        try:
            result = FunctionType(code, self._names)()
            if inspect.iscoroutine(result):
                await result
        except Exception as error:
            return error
        except (SystemExit, KeyboardInterrupt) as error:
            return error
        return None

    def _show(self, error: BaseException) -> None:
        """Print a traceback without the frames of this module and of asyncio."""
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename != self.filename:
            frames = frames.tb_next
        # What pdb.pm() looks at.
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, frames
        self.write("".join(traceback.format_exception(type(error), error, frames)))
        self._stop_script()

    @override
    def showsyntaxerror(self, filename: str | None = None, **details: Any) -> None:
        super().showsyntaxerror(filename, **details)
        self._stop_script()

    def _stop_script(self) -> None:
        """End a script that is not typed by a person with status 1, as Python does."""
        if not self.for_a_person:
            raise SystemExit(1)
