"""Tasks: units of work that act on repositories, one job at a time.

A task is an instance of a subclass of :class:`Task` that is passed to a pipeline. ``task.link("name", repository,
is_input=True)`` and the like relate it to repositories.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from typing_extensions import override

from pydatatask_core.errors import DefinitionError, DuplicateNameError
from pydatatask_core.repositories.readiness import ReadyRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link, check_name, check_repository
from pydatatask_core.tasks.plug_plan import plugged_links, same_repository

__all__ = ["EventListener", "FailureListener", "Task"]


FailureListener = Callable[[str, BaseException], None]
"""Called with a job that has run and failed, and its error."""


class EventListener(Protocol):
    """Receives the events of a task, as a running scheduler does. Events may be lost or repeated without harm."""

    def changed(self, task: Task, repo: Repository, job: str) -> None:
        """Handle the event that a job may have appeared in a repository, or left it.

        :param task: The task that sends the event.
        :param repo: The repository.
        :param job: The job.
        """
        ...

    def completed(self, task: Task, job: str) -> None:
        """Handle the event that a job may have appeared in any output or status repository of a task, or left it.

        :param task: The task that sends the event.
        :param job: The job.
        """
        ...

    def wants_update(self, task: Task) -> None:
        """Handle the event that :meth:`Task.update` has something to do.

        :param task: The task that sends the event.
        """
        ...


class Task(ABC):
    """The base class of tasks.

    :param name: The task's name, unique in its pipeline; it becomes part of paths and pod names.
    :param ready: Optional: the repository of jobs to launch, instead of the one that follows from the links.
    :param disabled: Whether to launch no jobs; live ones are still reconciled.
    """

    runs_in_process = False
    """Whether ``launch`` runs the job itself: it returns when the job is done, and the job ends with this process."""

    jobs_outlive_pipeline = False
    """Whether live jobs keep running when the pipeline stops, and are found again by the next run."""

    def __init__(self, name: str, ready: Repository | None = None, disabled: bool = False) -> None:
        check_name("task", name)
        self.name = name
        self.links: dict[str, Link] = {}
        self.disabled = disabled
        self.synchronous = False
        self.metadata = True
        self.listener: EventListener | None = None
        self.failure_listener: FailureListener | None = None
        self._ready = ready
        self._default_ready: ReadyRepository | None = None

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def ready(self) -> Repository:
        """The repository whose job membership determines whether a job should be launched.

        If an override was given to the constructor, this is that, otherwise it is
        ``AND(*required_for_start, NOT(OR(*inhibits_start)))``.
        """
        if self._ready is not None:
            return self._ready
        ready = self._default_ready
        required, inhibiting = tuple(self.required_for_start.values()), tuple(self.inhibits_start.values())
        # The scheduler keeps the answers of this object, so it stays until the links differ; users may alter `links`.
        if ready is None or not (_same(ready.required, required) and _same(ready.inhibiting, inhibiting)):
            ready = self._default_ready = ReadyRepository(required, inhibiting)
        return ready

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
        :raises InvalidNameError: The name cannot be a link's name.
        :raises DuplicateNameError: The task has a link of this name already.
        :raises DefinitionError: ``repo`` is no repository.
        """
        check_name("link", name)
        if name in self.links:
            raise DuplicateNameError(f"task {self.name} has a link named {name!r} already; choose another name")
        if isinstance(repo, Task):
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
        )

    def plug(
        self,
        output: Task,
        output_links: Iterable[str] | None = None,
        meta: bool = True,
        translator: Repository | None = None,
        translate_allow_deletes: bool = False,
        translate_prefetch_lookup: bool = True,
    ) -> None:
        """Link the output repositories of ``output`` as inputs of this task.

        An output link keeps its name if that is free; any other is named ``<task>_<link>``. Plugging a task again adds
        to the present links. An error adds no link.

        :param output: The task to plug into this one.
        :param output_links: Optional: names of the output links that become inputs, if not all.
        :param meta: Whether to transfer the inhibit- and required-for- dispositions.
        :param translator: Optional: a repository used to transform job identifiers. A job is then said to be present
            in a linked repository if the source repository contains ``await translator.info(job)``.
        :param translate_allow_deletes: Whether deleting from a translated repository deletes from its base.
        :param translate_prefetch_lookup: Whether a translated repository loads and keeps all translations.
        :raises DuplicateNameError: Neither name of a link is free.
        :raises DefinitionError: ``output`` is this task, or none, or has no link of a name that ``output_links`` names,
            or the translator is no repository.
        """
        _require_task(output, self.name)
        if output is self:
            raise DefinitionError(f"task {self.name} cannot be plugged into itself: its jobs would wait for themselves")
        what = f"plugging {output.name} into {self.name}"
        if translator is not None:
            check_repository(f"{what}: translator", translator)
        options = (translate_allow_deletes, translate_prefetch_lookup)
        links = dict(self.links)
        for name, link in plugged_links(output.links, output_links, meta, translator, options, what):
            chosen = self._plug_name(links, output, name, link)
            present = links.get(chosen)
            links[chosen] = link if present is None else _merged(present, link)
        self.links.update(links)

    def _plug_name(self, links: Mapping[str, Link], output: Task, name: str, link: Link) -> str:
        qualified = f"{output.name}_{name}"
        for candidate in (name, qualified) if output.links[name].is_output else (qualified,):
            present = links.get(candidate)
            if present is None or same_repository(present.repo, link.repo):
                return candidate
        raise DuplicateNameError(
            f"plugging {output.name} into {self.name}: link {name!r} finds no free name, as {self.name} has links of "
            f"that name and of {qualified!r} to other repositories; link it yourself under another name"
        )

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

    async def validate(self) -> None:
        """Raise an exception if the task is misconfigured.

        The pipeline calls this once, at its first opening, so it can also do asynchronous setup.
        """

    async def prepare(self) -> None:
        """Prepare for launches; called at every opening of the pipeline, after :meth:`validate`."""

    async def finish(self) -> None:
        """Release what :meth:`prepare` and launches acquired; called at every closing of the pipeline.

        It runs before the session is closed, for all tasks at the same time, and waits for jobs in this process that
        cannot be stopped.
        """

    @abstractmethod
    async def update(self) -> bool:
        """Maintain the live jobs; typically, reap the finished ones.

        :returns: Whether a job changed its state, or any is live.
        """

    @abstractmethod
    async def launch(self, job: str) -> None:
        """Start a job. The caller handles errors.

        :param job: The job to launch.
        """

    async def forget(self, link: str, job: str) -> None:
        """Prepare for a job's deletion from a linked repository by hand: end the process or pod that it stands for.

        :param link: The name of the link.
        :param job: The job that is about to be deleted.
        """

    async def notes(self) -> Mapping[str, str]:
        """Return the conditions of live jobs that people should know, for example why one does not start.

        :returns: A message of one line for some of the jobs.
        """
        return {}

    def changed(self, repo: Repository, job: str) -> None:
        """Send the event that a job may have appeared in a repository, or left it.

        :param repo: The repository.
        :param job: The job.
        """
        if self.listener is not None:
            self.listener.changed(self, repo, job)

    def completed(self, job: str) -> None:
        """Send the event that a job is done: :meth:`changed` for all output and status repositories at once.

        :param job: The job.
        """
        if self.listener is not None:
            self.listener.completed(self, job)

    def wants_update(self) -> None:
        """Send the event that :meth:`update` has something to do, for example because a live job has ended."""
        if self.listener is not None:
            self.listener.wants_update(self)

    def failed(self, job: str, error: BaseException) -> None:
        """Report that a job has run, here or in an executor, and that its function raised.

        Such a job is finished and its launch did not fail, so :meth:`launch` does not raise. Set
        :attr:`failure_listener` to be notified, as ``launch --sync`` does for its exit status.

        :param job: The job.
        :param error: What the function raised.
        """
        if self.failure_listener is not None:
            self.failure_listener(job, error)


def _same(some: Sequence[Repository], others: Sequence[Repository]) -> bool:
    """Tell whether both have the same objects, however these define equality."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _merged(present: Link, more: Link) -> Link:
    """Add the dispositions of a plugged link to the present one."""
    return replace(
        present,
        is_input=present.is_input or more.is_input,
        inhibits_start=present.inhibits_start or more.inhibits_start,
        required_for_start=present.required_for_start or more.required_for_start,
    )


def _require_task(output: object, name: str) -> None:
    if not isinstance(output, Task):
        raise DefinitionError(
            f"task {name} can only be plugged into a task, not into a {type(output).__name__}; link a "
            f'repository instead: {name}.link("name", repository, is_input=True)'
        )
