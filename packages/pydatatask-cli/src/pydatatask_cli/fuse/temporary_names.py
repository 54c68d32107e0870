"""Names that programs give to files which nobody is meant to miss."""

from __future__ import annotations

__all__ = ["looks_temporary"]

_BEGINNINGS = (".", "#")
_ENDS = ("~", "#", ".bak", ".lock", ".new", ".old", ".orig", ".part", ".swp", ".tmp")


def looks_temporary(name: str) -> bool:
    """Tell whether a file is the swap, lock or backup file of an editor, or the like.

    :param name: What it is called.
    """
    return name.startswith(_BEGINNINGS) or name.endswith(_ENDS)
