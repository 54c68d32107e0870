"""Where a process manager keeps its data."""

from __future__ import annotations

from pathlib import Path

from pydatatask_core.errors import DefinitionError

__all__ = ["app_directory"]


def app_directory(root: Path, app: str) -> Path:
    """Give the base directory of an application.

    :param root: Where the applications' directories are.
    :param app: What to call this one's.
    :raises DefinitionError: That cannot be the name of a directory.
    """
    if app in ("", ".", "..") or "/" in app or "\0" in app:
        raise DefinitionError(f"{app!r} cannot be the app of a process manager: it becomes the name of a directory")
    return root / app
