"""Attributes of directories and files, as ``stat`` and ``ls -l`` show them."""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass

from pydatatask_cli.fuse.draft import Draft
from pydatatask_cli.fuse.link_directory import DraftFile, JobFile, LinkDirectory
from pydatatask_cli.fuse.nodes import Node, TaskDirectory, Top
from pydatatask_cli.fuse.repository_adapter import Kind

__all__ = ["Attributes", "attributes", "brief_attributes"]

_STARTED_NS = time.time_ns()


@dataclass(frozen=True)
class Attributes:
    """The attributes of a directory or file."""

    mode: int
    """Type and permissions."""

    size: int = 0
    """How many bytes it has; 0 if that is unknown."""

    links: int = 1
    """The number of hard links."""

    modified_ns: int = _STARTED_NS
    """Modification time in nanoseconds since the epoch. Repositories have none, so for jobs it is that of the mount."""

    owner: tuple[int, int] | None = None
    """User and group, if they differ from those of this process."""


async def attributes(node: Node) -> Attributes:
    """Return the attributes of a node, with its size if the store can tell.

    :param node: The node.
    :raises JobNotFoundError: It is a job that the repository no longer has.
    """
    if not isinstance(node, JobFile):
        return brief_attributes(node)
    draft = node.directory.overwriting.get(node.name)
    size = draft.size if draft is not None else None
    if size is None:
        size = await node.directory.store.size(node.name)
    return Attributes(brief_attributes(node).mode, size or 0)


def brief_attributes(node: Node) -> Attributes:
    """Return the attributes of a node without asking a store, and so without the size of a job.

    :param node: The node.
    """
    match node:
        case Top():
            return Attributes(stat.S_IFDIR | 0o555, links=2 + len(node.tasks))
        case TaskDirectory():
            return Attributes(stat.S_IFDIR | 0o555, links=2 + len(node.links))
        case LinkDirectory():
            return Attributes(stat.S_IFDIR | (0o755 if _can_change(node) else 0o555), links=2)
        case JobFile():
            return Attributes(_job_mode(node))
        case DraftFile():
            return _draft_attributes(node.draft)


def _can_change(directory: LinkDirectory) -> bool:
    store = directory.store
    return store.is_writable or store.has_directories or store.allows_deletes


def _job_mode(file: JobFile) -> int:
    store = file.directory.store
    if store.kind is Kind.LINK:
        return stat.S_IFLNK | 0o777
    return stat.S_IFREG | (0o644 if store.is_writable else 0o444)


def _draft_attributes(draft: Draft) -> Attributes:
    return Attributes(
        stat.S_IFREG | (0o644 if draft.permissions is None else draft.permissions),
        draft.size or 0,
        links=0 if draft.is_removed else 1,
        modified_ns=draft.modified_ns,
        owner=draft.owner,
    )
