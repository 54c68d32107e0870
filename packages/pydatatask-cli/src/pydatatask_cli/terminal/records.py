"""Conversion of records to YAML and back, by the safe dumper and loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_core.errors import UsageError
from pydatatask_storage.yaml.bounded_loader import safe_loader
from pydatatask_storage.yaml.record_dumper import record_dumper

if TYPE_CHECKING:
    from yaml import Node

__all__ = ["parse_record", "record_text"]


class _Loader(Protocol):
    """The part of a YAML loader that is used."""

    def get_single_node(self) -> Node | None: ...

    def construct_document(self, node: Node) -> object: ...

    def dispose(self) -> None: ...


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
    :raises UsageError: It is malformed or empty, has a key twice, or has tags that the safe loader refuses.
    """
    import yaml

    try:
        record = _construct(safe_loader(fast=False)(text), name)
    except yaml.MarkedYAMLError as error:
        raise UsageError(f"{name} is not valid YAML: {error.problem}{_place(error.problem_mark)}") from error
    except RecursionError:
        raise UsageError(f"{name} is not valid YAML: it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, ArithmeticError, AttributeError, LookupError, TypeError) as error:
        # The constructors of numbers, dates and the like raise what Python does: 2001-99-99 is a ValueError,
        # and `!!timestamp x` an AttributeError.
        raise UsageError(f"{name} is not valid YAML: {_first_line(error)}") from error
    return record


def _construct(loader: _Loader, name: str) -> object:
    """Read the only document, and refuse what YAML would silently drop or invent."""
    try:
        node = loader.get_single_node()
        if node is None:
            raise UsageError(f"{name} is empty; write `null` to store that")
        _refuse_duplicates(node, name)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_duplicates(root: Node, name: str) -> None:
    """Refuse mappings that have a key twice, of which only the last would be kept."""
    from yaml.nodes import CollectionNode, MappingNode, ScalarNode

    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, CollectionNode) or id(node) in seen:
            continue
        # An anchor may be used many times, also within itself.
        seen.add(id(node))
        if not isinstance(node, MappingNode):
            waiting.extend(node.value)
            continue
        keys = set[tuple[str, str]]()
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                if (key.tag, key.value) in keys:
                    raise UsageError(f"{name} has the key {key.value!r} twice{_place(key.start_mark)}")
                keys.add((key.tag, key.value))
            waiting += (key, value)


def _place(mark: object) -> str:
    line, column = getattr(mark, "line", None), getattr(mark, "column", None)
    return f" (line {line + 1}, column {column + 1})" if line is not None and column is not None else ""


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
