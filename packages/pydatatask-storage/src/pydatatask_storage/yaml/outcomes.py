"""The two directories of records that a task keeps of its outcomes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from pydatatask_core.errors import DefinitionError
from pydatatask_storage.yaml.files import YamlMetadataFileRepository

__all__ = ["OutcomeFiles", "outcome_files"]


class OutcomeFiles(NamedTuple):
    """Where a task records successes and failures."""

    done: YamlMetadataFileRepository
    """The records of jobs that have succeeded."""

    failures: YamlMetadataFileRepository
    """The records of jobs that have failed."""


def outcome_files(path: str | os.PathLike[str], *, fsync: bool = False) -> OutcomeFiles:
    """Return the repositories ``done`` and ``failures`` of a task, which keep YAML files in two directories.

    Example: ``done, failures = outcome_files("state/count")`` uses ``state/count.done`` and ``state/count.failures``.

    :param path: Where the directories are; each has this name and an ending of its own. Give each task another one.
    :param fsync: Whether a record is on the disk before a job counts as finished, so that it survives a power failure.
    :raises DefinitionError: The path does not end with a name.
    """
    base = Path(path)
    if not base.name or base.name == "..":
        raise DefinitionError(f'outcome_files({os.fspath(path)!r}): write a path that ends with a name: "state/count"')
    # Two directories, and not two endings in one: a job named "a.failures" must not be taken for the failure of "a".
    done, failures = (
        YamlMetadataFileRepository(base.with_name(f"{base.name}.{kind}"), fsync=fsync) for kind in ("done", "failures")
    )
    return OutcomeFiles(done, failures)
