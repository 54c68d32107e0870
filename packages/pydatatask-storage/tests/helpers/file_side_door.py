"""Files as they lie in a directory, whatever a repository says of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import yaml

from pydatatask_storage import FileRepositoryBase

__all__ = ["FileSideDoor"]


class FileSideDoor:
    """The hooks of the contract suites, for repositories over a directory of files."""

    counts_revisions: ClassVar[bool] = True

    async def put_raw(self, repository: FileRepositoryBase, job: str, data: bytes) -> None:
        """Write a file, half of which can be seen meanwhile."""
        self.path(repository, job).write_bytes(data)

    async def get_raw(self, repository: FileRepositoryBase, job: str) -> bytes | None:
        """Read a file."""
        path = self.path(repository, job)
        return path.read_bytes() if path.exists() else None

    async def put_raw_record(self, repository: FileRepositoryBase, job: str, record: dict[str, object]) -> None:
        """Write a file of YAML."""
        self.path(repository, job).write_text(yaml.safe_dump(record), "utf-8")

    async def get_raw_record(self, repository: FileRepositoryBase, job: str) -> object:
        """Read a file of YAML."""
        data = await self.get_raw(repository, job)
        return None if data is None else yaml.safe_load(data)

    async def raw_keys(self, repository: FileRepositoryBase) -> set[str]:
        """List all names but those of files that are being written."""
        return {path.name.removesuffix(repository.extension) for path in self._all(repository) if not _is_staged(path)}

    async def leftovers(self, repository: FileRepositoryBase) -> list[str]:
        """List the files that are being written."""
        return [path.name for path in self._all(repository) if _is_staged(path)]

    async def settle(self, repository: FileRepositoryBase) -> None:
        """Wait until the directory is old enough to be trusted."""
        for _ in range(400):
            if await repository.revision() is not None:
                return
            await asyncio.sleep(0.005)

    def path(self, repository: FileRepositoryBase, job: str) -> Path:
        """Tell where a job's file lies."""
        return Path(f"{repository.basedir}/{job}{repository.extension}")

    def _all(self, repository: FileRepositoryBase) -> list[Path]:
        return list(repository.basedir.iterdir())


def _is_staged(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".tmp")
