"""What links a task to repositories, and which jobs are ready because of that."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from pydatatask_core.errors import DefinitionError, DuplicateNameError
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.readiness import ReadyRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link, check_name, check_repository

if TYPE_CHECKING:
    # Loaded by the first task that records failures: a pipeline without one starts faster.
    from pydatatask_core.outcomes.recorder import Outcomes
    from pydatatask_core.outcomes.retry_policy import Retry

__all__ = ["Linked"]


class Linked:
    """The base class of tasks, as far as links are concerned.

    :param name: The task's name.
    :param ready: Optional: the repository of jobs to launch, instead of the one that follows from the links.
    """

    def __init__(self, name: str, ready: Repository | None) -> None:
        check_name("task", name)
        self.name: str = name
        self.links: dict[str, Link] = {}
        self.outcomes: Outcomes | None = None
        self._ready = ready
        self._default_ready: ReadyRepository | None = None
        self._reasons_of_ready: Sequence[object] = ()

    @property
    def ready(self) -> Repository:
        """The repository whose job membership determines whether a job should be launched.

        If an override was given to the constructor, this is that, otherwise it is
        ``AND(*required_for_start, NOT(OR(*inhibits_start)))``.
        """
        if self._ready is not None and self.outcomes is None:
            return self._ready
        # Links are immutable, but users may alter `links`.
        reasons, ready = (self.outcomes, *self.links.values()), self._default_ready
        if ready is None or not _same(reasons, self._reasons_of_ready):
            required, inhibiting = self._conditions(self.outcomes)
            self._reasons_of_ready = reasons
            # The scheduler keeps the answers of this object, so it stays until the repositories differ.
            if ready is None or not (_same(ready.required, required) and _same(ready.inhibiting, inhibiting)):
                ready = self._default_ready = ReadyRepository(required, inhibiting)
        return ready

    def _conditions(self, outcomes: Outcomes | None) -> tuple[tuple[Repository, ...], tuple[Repository, ...]]:
        """Return the repositories that are required for a start, and those that inhibit it.

        :param outcomes: Where outcomes are recorded, if failed jobs that are not due count as inhibiting.
        """
        if self._ready is not None:
            return (self._ready,), (() if outcomes is None else (outcomes.held_back,))
        inhibiting = [link.repo for link in self.links.values() if link.inhibits_start and not link.is_failure]
        if outcomes is not None:
            inhibiting.append(outcomes.held_back if outcomes.retry is not None else outcomes.failures)
        return tuple(self.required_for_start.values()), tuple(inhibiting)

    @property
    def ready_when_due(self) -> Repository:
        """The jobs that are ready, or would be if they did not have to wait for their next attempt."""
        return ReadyRepository(*self._conditions(None))

    @property
    def never_ready(self) -> bool:
        """Whether no job can ever be launched, because the links require nothing to start."""
        return self._ready is None and not self.required_for_start

    def link(
        self,
        name: str,
        repo: Repository,
        is_input: bool = False,
        is_output: bool = False,
        is_status: bool = False,
        inhibits_start: bool = False,
        required_for_start: bool | None = None,
        inhibits_output: bool = False,
        required_for_output: bool | None = None,
        *,
        is_failure: bool = False,
    ) -> None:
        """Create a link between this task and a repository.

        :param name: The name of the link: a parameter of function tasks, a variable of templates, ``task.name`` on the
            command line.
        :param repo: The repository to link.
        :param is_input: Whether this repository contains data which is consumed by the task.
        :param is_output: Whether this repository is populated by the task.
        :param is_status: Whether this repository is populated with task-ephemeral data.
        :param inhibits_start: Whether a job that is in this repository is not to be launched.
        :param required_for_start: Whether a job must be in this repository to be launched. If unspecified, defaults to
            ``is_input``.
        :param inhibits_output: Whether this repository should become ``inhibits_start`` in tasks this task is plugged
            into.
        :param required_for_output: Whether this repository should become ``required_for_start`` in tasks this task is
            plugged into. If unspecified, defaults to ``is_output``.
        :param is_failure: Whether this repository holds the failures of this task; :meth:`record_failures` links it.
        :raises InvalidNameError: The name cannot be a link's name.
        :raises DuplicateNameError: The task has a link of this name already.
        :raises DefinitionError: ``repo`` is no repository.
        """
        check_name("link", name)
        if name in self.links:
            raise DuplicateNameError(f"task {self.name} has a link named {name!r} already; choose another name")
        if isinstance(repo, Linked):
            raise DefinitionError(
                f"task {self.name}: link {name!r} must be a repository, not the task {repo.name}; plug it to have its "
                f"outputs as inputs: {self.name}.plug({repo.name})"
            )
        check_repository(f"task {self.name}: link {name!r}", repo)
        self.links[name] = Link(
            repo,
            is_input=is_input,
            is_output=is_output,
            is_status=is_status,
            inhibits_start=inhibits_start,
            required_for_start=is_input if required_for_start is None else required_for_start,
            inhibits_output=inhibits_output,
            required_for_output=is_output if required_for_output is None else required_for_output,
            is_failure=is_failure,
        )

    def record_failures(
        self, done: MetadataRepository | None, failures: MetadataRepository | None, retry: Retry | None = None
    ) -> None:
        """Record failed jobs apart from those that succeeded; the constructors of task types call this.

        Without ``failures`` nothing changes: a job that has failed is done.

        :param done: The repository of successes.
        :param failures: The repository of failures, which becomes the link ``failures``, or None.
        :param retry: Which failed jobs are tried again, and when; None for none.
        :raises DefinitionError: ``failures`` comes without ``done``, is the same repository or one without records,
            or ``retry`` comes without ``failures`` or is no :class:`Retry`.
        """
        if failures is None:
            if retry is not None:
                raise DefinitionError(
                    f"task {self.name}: retry= needs failures=, a repository where failed attempts are recorded"
                )
            return
        _check_failures(self.name, failures)
        if done is None:
            raise DefinitionError(f"task {self.name}: failures= needs done=, where successes are recorded")
        if done is failures:
            raise DefinitionError(
                f"task {self.name}: done and failures are the same repository; a failed job would count as done"
            )
        from pydatatask_core.outcomes.recorder import Outcomes
        from pydatatask_core.outcomes.retry_policy import check_retry

        check_retry(self.name, retry)
        self.outcomes = Outcomes(self.name, done, failures, retry)
        self.link("failures", failures, is_status=True, inhibits_start=True, inhibits_output=True, is_failure=True)

    async def _live(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of some jobs that are live, as far as links tell."""
        live: set[str] = set()
        for link in self.links.values():
            if link.is_status and link.inhibits_output and not link.is_failure:
                live |= await link.repo.contained(jobs)
        return live

    def _marked(self, disposition: str) -> dict[str, Repository]:
        return {name: link.repo for name, link in self.links.items() if getattr(link, disposition)}

    @property
    def input(self) -> dict[str, Repository]:
        """A mapping from link name to repository for all links marked ``is_input``."""
        return self._marked("is_input")

    @property
    def output(self) -> dict[str, Repository]:
        """A mapping from link name to repository for all links marked ``is_output``."""
        return self._marked("is_output")

    @property
    def status(self) -> dict[str, Repository]:
        """A mapping from link name to repository for all links marked ``is_status``."""
        return self._marked("is_status")

    @property
    def inhibits_start(self) -> dict[str, Repository]:
        """A mapping from link name to repository for all links marked ``inhibits_start``."""
        return self._marked("inhibits_start")

    @property
    def required_for_start(self) -> dict[str, Repository]:
        """A mapping from link name to repository for all links marked ``required_for_start``."""
        return self._marked("required_for_start")

    @property
    def inhibits_output(self) -> dict[str, Repository]:
        """A mapping from link name to repository for all links marked ``inhibits_output``."""
        return self._marked("inhibits_output")

    @property
    def required_for_output(self) -> dict[str, Repository]:
        """A mapping from link name to repository for all links marked ``required_for_output``."""
        return self._marked("required_for_output")


def _check_failures(task: str, failures: object) -> None:
    check_repository(f"task {task}: failures", failures)
    if not isinstance(failures, MetadataRepository):
        raise DefinitionError(
            f"task {task}: failures must be a repository of records, not an object of type {type(failures).__name__}; "
            "write YamlMetadataFileRepository, InProcessMetadataRepository or another MetadataRepository"
        )


def _same(some: Sequence[object], others: Sequence[object]) -> bool:
    """Tell whether both have the same objects, however these define equality."""
    return len(some) == len(others) and all(map(operator.is_, some, others))
