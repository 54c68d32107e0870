"""Metadata repository that keeps its records in YAML files."""

from __future__ import annotations

import os

from pydatatask_storage.files.files import FileRepository
from pydatatask_storage.yaml.repository import YamlMetadataRepository

__all__ = ["YamlMetadataFileRepository"]


class YamlMetadataFileRepository(YamlMetadataRepository, FileRepository):
    """A metadata repository based on a file blob repository.

    :param filename: The directory that holds the files.
    :param extension: What is put behind a job's id to name its file, dot included.
    :param case_insensitive: Whether a file whose extension differs in case belongs to the job as well.
    :param fsync: Whether ``dump`` waits until the record is on the disk, so that it survives a power failure.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        extension: str = ".yaml",
        case_insensitive: bool = False,
        *,
        fsync: bool = False,
    ) -> None:
        super().__init__(filename, extension, case_insensitive, fsync=fsync)
