"""The directory of a link: the jobs of its repository, and files that are being written.

A job that is being overwritten keeps its value and its name until the new value is complete. Editors rename a file to a
backup name before they write the new one. If that name is no valid job id, the job stays in the repository: it is only
hidden, until a new value is stored or the backup is deleted.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass

from typing_extensions import override

from pydatatask_cli.fuse.draft import Draft
from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.repository_adapter import RepositoryAdapter
from pydatatask_cli.name_lookup import Data

__all__ = ["DraftFile", "JobFile", "LinkDirectory"]


@dataclass(frozen=True)
class JobFile:
    """A job of a repository."""

    directory: LinkDirectory
    """Its directory."""

    name: str
    """The job id."""

    @override
    def __str__(self) -> str:
        return f"{self.directory}/{self.name}"


@dataclass(frozen=True)
class DraftFile:
    """A file that is no job, or not yet."""

    directory: LinkDirectory
    """Its directory."""

    draft: Draft
    """Its content."""

    @override
    def __str__(self) -> str:
        return f"{self.directory}/{self.draft.name}"


class LinkDirectory:
    """The directory of a link.

    :param data: The link.
    :param stop_job: Ends what a job stands for, a process for example, before it is deleted.
    """

    def __init__(self, data: Data, stop_job: Callable[[str], Awaitable[None]]) -> None:
        self.data = data
        self.store: RepositoryAdapter = RepositoryAdapter(data.repository)
        self.drafts: dict[str, Draft] = {}
        """Files that are no jobs, or not yet, by name."""
        self.overwriting: dict[str, Draft] = {}
        """The new values of jobs that are open for writing, by job."""
        # Jobs that are renamed away, and the drafts under the other names.
        self._hidden: dict[str, Draft] = {}
        self._stop_job = stop_job

    @override
    def __str__(self) -> str:
        return f"{self.data.task.name}/{self.data.name}"

    async def find(self, name: str) -> JobFile | DraftFile:
        """Find a file.

        :param name: Its name.
        :raises Refusal: There is none.
        """
        if name in self.drafts:
            return DraftFile(self, self.drafts[name])
        if name in self._hidden or not await self.store.contains(name):
            raise Refusal(errno.ENOENT)
        return JobFile(self, name)

    def presumed(self, name: str) -> JobFile | None:
        """Return the file of a job that is present if the store has a size of it; None if :meth:`find` has to tell.

        :param name: Its name.
        """
        is_special = name in self.drafts or name in self._hidden or name in self.overwriting
        if is_special or not self.store.knows_presence_by_size or not self.store.admits(name):
            return None
        return JobFile(self, name)

    async def files(self) -> dict[str, JobFile | DraftFile]:
        """List the files by name."""
        jobs = sorted(await self.store.jobs() - self._hidden.keys())
        found: dict[str, JobFile | DraftFile] = {job: JobFile(self, job) for job in jobs}
        return found | {name: DraftFile(self, draft) for name, draft in self.drafts.items()}

    def create(self, name: str) -> DraftFile:
        """Create a file.

        :param name: Its name.
        :raises Refusal: The repository holds neither blobs nor records, or there is such a file already.
        """
        if not self.store.is_writable:
            raise Refusal(errno.EPERM)
        if name in self.drafts:
            raise Refusal(errno.EEXIST)
        draft = self.drafts[name] = Draft(name)
        return DraftFile(self, draft)

    def overwrite(self, job: str) -> Draft:
        """Return the draft of a job's new value, which is shared by all programs that write it.

        :param job: The job.
        :raises Refusal: The repository holds neither blobs nor records.
        """
        if not self.store.is_writable:
            raise Refusal(errno.EACCES)
        if job not in self.overwriting:
            self.overwriting[job] = Draft(job, job, lambda: self.store.open(job))
        return self.overwriting[job]

    async def make_directory(self, name: str) -> JobFile:
        """Create a job whose value is a directory.

        :param name: The job.
        :raises Refusal: The jobs of this repository are no directories, or the name is no valid job id.
        """
        if not self.store.has_directories:
            raise Refusal(errno.EPERM)
        if not self.store.admits(name):
            raise Refusal(errno.EINVAL)
        await self.store.make_directory(name)
        return JobFile(self, name)

    async def save(self, draft: Draft) -> None:
        """Store a draft as the value of its job, if it has changes and its name is a valid job id.

        :param draft: A draft of this directory.
        """
        async with draft.turn:
            if draft.has_changes and not draft.is_temporary and self.store.admits(draft.name):
                await self._save(draft)

    async def adopt(self, draft: Draft) -> None:
        """Make a temporary or unwritten file a job, unless it has been opened or removed meanwhile.

        :param draft: A draft of this directory.
        """
        async with draft.turn:
            if draft.is_removed or draft.is_open_for_writing or not self.store.admits(draft.name):
                return
            draft.is_temporary = False
            await self._save(draft)
        await self.retire(draft)

    async def _save(self, draft: Draft) -> None:
        await draft.store(lambda content: self.store.write(draft.name, content))
        self._unhide(draft.name, draft)

    async def retire(self, draft: Draft) -> None:
        """Take a draft out of the directory if the repository has a job under its name.

        :param draft: A draft of this directory that no program has open for writing.
        """
        if draft.is_job:
            await self.drop(draft)

    async def drop(self, draft: Draft) -> None:
        """Remove a draft from the directory without storing it.

        :param draft: A draft of this directory.
        """
        for place in (self.overwriting, self.drafts):
            if place.get(draft.name) is draft:
                del place[draft.name]
        await draft.remove()

    async def remove(self, name: str) -> JobFile | DraftFile:
        """Delete a file and its job; the process or pod of the job is stopped.

        :param name: Its name.
        :returns: The deleted node.
        :raises Refusal: It does not exist, or the repository allows no deletes.
        """
        file = await self.find(name)
        if isinstance(file, JobFile):
            await self._delete(name)
        else:
            async with file.draft.turn:
                if file.draft.job is not None:
                    await self._delete(file.draft.job)
                await self.drop(file.draft)
        return file

    async def _delete(self, job: str) -> None:
        if not self.store.allows_deletes:
            raise Refusal(errno.EPERM)
        draft = self.overwriting.get(job)
        async with draft.turn if draft is not None else nullcontext():
            await self._stop_job(job)
            await self.store.repository.delete(job)
            self._unhide(job)
            if draft is not None:
                await self.drop(draft)

    async def rename(self, old: str, new: str, may_replace: bool) -> None:
        """Rename a file; a temporary file becomes a job if the new name is a valid job id.

        :param old: Its name.
        :param new: Its new name.
        :param may_replace: Whether a file of the new name may be replaced.
        :raises Refusal: It cannot be renamed.
        """
        file = await self.find(old)
        if not may_replace and await self.has(new):
            raise Refusal(errno.EEXIST)
        if old == new:
            return
        if isinstance(file, JobFile):
            await self._rename_job(old, new)
        else:
            async with file.draft.turn:
                await self._rename_draft(file.draft, new)

    async def has(self, name: str) -> bool:
        """Tell whether there is a file with a name.

        :param name: The name.
        """
        try:
            await self.find(name)
        except Refusal:
            return False
        return True

    async def _rename_job(self, old: str, new: str) -> None:
        if not (self.store.is_writable and self.store.allows_deletes):
            raise Refusal(errno.EPERM)
        draft = self.overwriting.get(old) or Draft(old, old, lambda: self.store.open(old))
        # The old value is copied first: once the job is deleted under its old name, it cannot be read any more.
        await draft.load()
        self.overwriting.pop(old, None)
        self.drafts[old] = draft
        self._hidden[old] = draft
        try:
            async with draft.turn:
                await self._rename_draft(draft, new)
        except BaseException:
            self._unhide(old)
            await self.drop(draft)
            raise

    async def _rename_draft(self, draft: Draft, new: str) -> None:
        job = draft.job
        if job == new and not draft.has_changes:
            self._unhide(new)
            await self.drop(draft)
            return
        old, replaced = draft.name, self.drafts.get(new)
        if replaced is not None:
            async with replaced.turn:
                await self.drop(replaced)
        self._move(draft, new)
        try:
            await self._settle(draft, job)
        except BaseException:
            self._move(draft, old)
            draft.job = job
            raise

    def _move(self, draft: Draft, name: str) -> None:
        del self.drafts[draft.name]
        self.drafts[name] = draft
        draft.name, draft.is_temporary = name, False

    async def _settle(self, draft: Draft, job: str | None) -> None:
        """Make a draft under its new name a job, or the hiding place of one.

        :param draft: The draft.
        :param job: The job that it was under its old name.
        """
        if not self.store.admits(draft.name):
            if job is not None:
                self._hidden[job] = draft
            return
        # A program that is still writing stores it by closing it; what it has written so far is incomplete.
        if not (draft.is_being_written and draft.has_changes):
            await self._save(draft)
        # The new job is stored before the old one is deleted, so that the value is never missing.
        if job is not None and job != draft.name:
            await self._delete(job)
            if draft.job == job:
                draft.job = None
        if not draft.is_open_for_writing:
            await self.retire(draft)

    def _unhide(self, job: str, by: Draft | None = None) -> None:
        """Note that a job is no longer renamed away.

        :param job: The job.
        :param by: The draft that has become its value, if one has.
        """
        draft = self._hidden.pop(job, None)
        if draft is not None and draft is not by and draft.job == job:
            draft.job = None
