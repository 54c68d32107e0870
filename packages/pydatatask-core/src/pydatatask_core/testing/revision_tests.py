"""Tests of revisions: tokens that differ once the jobs have changed."""

from __future__ import annotations

from pydatatask_core.testing.hooks import R, RepositoryHooks

__all__ = ["RevisionTests"]


class RevisionTests(RepositoryHooks[R]):
    """Tests of the token that saves the scheduler a listing; a repository may have none."""

    async def test_a_revision_differs_once_the_jobs_have_changed(self) -> None:
        repository = await self.make_repository()
        seen: list[object] = []
        for job in ("first", "second", "third"):
            token = await repository.revision()
            assert token is None or token not in seen
            seen.append(token)
            await self.put(repository, job)
            assert job in await repository.keys()
        await repository.delete("second")
        token = await repository.revision()
        assert token is None or not self.deletes or token not in seen

    async def test_a_revision_stays_while_nothing_changes(self) -> None:
        repository = await self.make_repository()
        await self.put(repository, "first")
        await self.settle(repository)
        token = await repository.revision()
        assert await repository.keys() == {"first"}
        assert await repository.contains("first")
        assert await repository.revision() == token
        assert (token is not None) is self.counts_revisions
        if token is not None:
            hash(token)
