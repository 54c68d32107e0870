"""Conversion of records to YAML and back, by the safe dumper and loader."""

from __future__ import annotations

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_core.errors import UsageError
from pydatatask_storage.yaml.bounded_loader import safe_loader
from pydatatask_storage.yaml.record_dumper import record_dumper

__all__ = ["parse_record", "record_text"]

_END_OF_SCALAR = "\n...\n"


def record_text(record: object, name: str) -> str:
    """Return a record as YAML, its keys in their own order.

    :param record: The value of a job.
    :param name: The name of the record in messages.
    :raises CommandFailedError: YAML cannot express it.
    """
    import yaml

    try:
        text: str = yaml.dump(record, Dumper=record_dumper(fast=False), sort_keys=False, allow_unicode=True)
    except (yaml.YAMLError, RecursionError) as error:
        kind = type(record).__name__
        raise CommandFailedError(f"{name} is a {kind} that YAML cannot express: {_first_line(error)}") from error
    return text.removesuffix(_END_OF_SCALAR) + "\n" if text.endswith(_END_OF_SCALAR) else text


def parse_record(text: bytes, name: str = "standard input") -> object:
    """Read a record from YAML.

    :param text: The YAML, one document.
    :param name: The name of the text in messages.
    :raises UsageError: It is malformed, or has tags that the safe loader refuses.
    """
    import yaml

    try:
        record: object = yaml.load(text, Loader=safe_loader(fast=False))
    except yaml.MarkedYAMLError as error:
        raise UsageError(f"{name} is not valid YAML: {error.problem}{_place(error.problem_mark)}") from error
    except RecursionError:
        raise UsageError(f"{name} is not valid YAML: it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, ArithmeticError, AttributeError, LookupError, TypeError) as error:
        # The constructors of numbers, dates and the like raise what Python does: 2001-99-99 is a ValueError,
        # and `!!timestamp x` an AttributeError.
        raise UsageError(f"{name} is not valid YAML: {_first_line(error)}") from error
    return record


def _place(mark: object) -> str:
    line, column = getattr(mark, "line", None), getattr(mark, "column", None)
    return f" (line {line + 1}, column {column + 1})" if line is not None and column is not None else ""


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
