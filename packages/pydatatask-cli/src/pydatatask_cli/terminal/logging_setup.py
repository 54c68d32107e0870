"""Configuration of logging: records go to standard error, unless the script has set up handlers itself."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from typing_extensions import override

from pydatatask_cli.reasons import with_reasons
from pydatatask_core.errors import PydatataskError

__all__ = ["configure"]

_LEVELS = {
    -2: (logging.CRITICAL, logging.CRITICAL),
    -1: (logging.ERROR, logging.ERROR),
    0: (logging.WARNING, logging.WARNING),
    1: (logging.INFO, logging.INFO),
    2: (logging.DEBUG, logging.INFO),
    3: (logging.DEBUG, logging.DEBUG),
}
"""For each number of ``-v`` (less that of ``-q``) the levels of our loggers, and of all others."""


def configure(verbosity: int) -> None:
    """Set up logging where the root logger has no handler; else only set our level, and that only if asked for.

    :param verbosity: How much more to log than warnings; negative means less.
    """
    ours, others = _LEVELS[max(min(_LEVELS), min(max(_LEVELS), verbosity))]
    root = logging.getLogger()
    if root.handlers:
        if verbosity:
            logging.getLogger("pydatatask").setLevel(ours)
        return
    handler = StandardErrorHandler()
    handler.setFormatter(BriefFormatter(tracebacks=verbosity > 0))
    root.addHandler(handler)
    root.setLevel(others)
    logging.getLogger("pydatatask").setLevel(ours)


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to the present ``sys.stderr``, so that the display of progress can keep log lines above itself."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is not None:  # as under pythonw, or after the program has closed it
            self.stream: TextIO = sys.stderr
            super().emit(record)


class BriefFormatter(logging.Formatter):
    """Replaces the traceback of an expected error, of a store or of the system, by its message.

    :param tracebacks: Whether to keep tracebacks all the same.
    """

    def __init__(self, tracebacks: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._tracebacks = tracebacks

    @override
    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if self._tracebacks or not isinstance(error, PydatataskError | OSError):
            return super().format(record)
        brief = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        return with_reasons(super().format(brief), error)
