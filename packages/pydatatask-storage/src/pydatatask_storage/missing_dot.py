"""Warning about an extension without its dot, with which a repository looks empty."""

from __future__ import annotations

import logging

from pydatatask_core.repositories.repository import Repository

__all__ = ["warn_of_missing_dot"]

_log = logging.getLogger("pydatatask.repository")


def warn_of_missing_dot(repository: Repository, extension: str) -> None:
    """Log a warning if an extension begins with a letter or digit, which is rarely meant.

    :param repository: The repository.
    :param extension: What its names have behind the job's id.
    """
    if extension[:1].isalnum():
        _log.warning(
            "%s: the extension %r has no dot, so the name for job a is %r; if that is not meant, write %r",
            repository.describe(),
            extension,
            f"a{extension}",
            f".{extension}",
        )
