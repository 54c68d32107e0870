"""Listing the jobs of a directory in one go."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from pydatatask_storage.extension import Extension
from pydatatask_storage.file_failures import NO_SUCH_FILE
from pydatatask_storage.staged_files import is_staged_name

__all__ = ["Listing", "list_directory"]


class Listing(NamedTuple):
    """What was found in a directory."""

    jobs: list[str]
    """What may be job ids, each once."""

    has_links: bool
    """Whether there are links among the entries, so that what is a member may change without the directory changing."""


def list_directory(directory: str, extension: Extension, is_member: Callable[[os.DirEntry[str]], bool]) -> Listing:
    """List the jobs of a directory. Where it tells what is a file, no file is looked at.

    :param directory: The directory.
    :param extension: What the names of members end with.
    :param is_member: Whether an entry is of the right kind; a link is to be followed.
    :raises OSError: The directory cannot be listed.
    """
    jobs: list[str] = []
    has_links = False
    job_of = extension.job_of
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name
            job = job_of(name)
            if job is None or (name[0] == "." and is_staged_name(name)):
                continue
            has_links = has_links or entry.is_symlink()
            if _answer(is_member, entry):
                jobs.append(job)
    return Listing(list(dict.fromkeys(jobs)) if extension.case_insensitive else jobs, has_links)


def _answer(is_member: Callable[[os.DirEntry[str]], bool], entry: os.DirEntry[str]) -> bool:
    try:
        return is_member(entry)
    except OSError as error:
        if error.errno not in NO_SUCH_FILE:
            raise
        return False
