"""File extensions: from a job's id to the name of its file and back, in any case of letters if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from typing_extensions import override

from pydatatask_core.errors import DefinitionError

__all__ = ["Extension"]

_ENUMERABLE_LETTERS = 4
"""Up to how many letters all spellings are tried: sixteen look-ups cost less than a listing."""


class Extension:
    """The extension of the files of a repository.

    :param text: The extension, with its dot; it may be empty.
    :param case_insensitive: Whether files whose extension differs in case are the job's as well.
    :raises DefinitionError: The extension contains a slash or NUL, which no file name can.
    """

    def __init__(self, text: str, case_insensitive: bool) -> None:
        if "/" in text or "\0" in text:
            raise DefinitionError(f"{text!r} cannot be the extension of files: it must have no slash and no NUL")
        self.text = text
        self.case_insensitive = case_insensitive
        self.spellings: Sequence[str] | None = _spellings(text) if case_insensitive else [text]
        """All spellings, the exact one first; None if they are too many to try each."""

    @override
    def __str__(self) -> str:
        return self.text

    def job_of(self, name: str) -> str | None:
        """Take the extension off the name of a file: what is left may be a job's id.

        :param name: The name of a file, without its directory.
        :returns: None if the name has another extension.
        """
        cut = len(name) - len(self.text)
        if cut < 0:
            return None
        end = name[cut:]
        return name[:cut] if end == self.text or (self.case_insensitive and self._is_spelling(end)) else None

    def _is_spelling(self, end: str) -> bool:
        return end.lower() == self.text.lower() if self.spellings is None else end in self.spellings


def _spellings(text: str) -> list[str] | None:
    """List all spellings of an extension, the exact one first; None where they are too many or no plain ASCII."""
    letters = sum(character.isalpha() for character in text)
    if not text.isascii() or letters > _ENUMERABLE_LETTERS:
        return None
    spelled = product(*({character.lower(), character.upper()} for character in text))
    likely = [text, text.lower(), text.upper()]
    return list(dict.fromkeys([*likely, *sorted("".join(characters) for characters in spelled)]))
