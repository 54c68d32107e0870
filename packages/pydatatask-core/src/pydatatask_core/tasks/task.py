"""Tasks: units of work that act on repositories, one job at a time.

A task is an instance of a subclass of :class:`Task` that is passed to a pipeline. ``task.link("name", repository,
is_input=True)`` and the like relate it to repositories.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from typing_extensions import override

from pydatatask_core.errors import DefinitionError
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.linked import Linked
from pydatatask_core.tasks.links import check_repository
from pydatatask_core.tasks.plug_plan import PlugPlan, When, linked_under_free_names

if TYPE_CHECKING:
    from pydatatask_core.outcomes.repair import OutcomeRepair

__all__ = ["EventListener", "FailureListener", "Plug", "Task"]


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


class Plug(NamedTuple):
    """A task that is plugged into another."""

    upstream: Task
    """The task whose outputs are inputs of the other."""

    when: When
    """Which of its jobs let a job of the other start."""

    translator: Repository | None
    """What translates the job ids of the other into its own, or None."""


class Task(Linked, ABC):
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
        super().__init__(name, ready)
        self.disabled = disabled
        self.synchronous = False
        self.metadata = True
        self.listener: EventListener | None = None
        self.failure_listener: FailureListener | None = None
        self.plugs: list[Plug] = []
        self._repair: OutcomeRepair | None = None

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    async def settle(self) -> bool:
        """Finish what the end of another controller has cut off; the scheduler calls this after each :meth:`update`.

        :returns: Whether the records of any job have changed, or the next call may change some.
        """
        if self.outcomes is None or not self.metadata:
            return False
        if self._repair is None:
            from pydatatask_core.outcomes.repair import OutcomeRepair

            self._repair = OutcomeRepair(self.outcomes, self._live)
        repaired = await self._repair.look()
        for job in repaired:
            self.completed(job)
        for job in await self.outcomes.cancellations(self.claims()):
            await self.stop(job)
        return bool(repaired) or self._repair.has_suspects

    def claims(self) -> Mapping[str, str | None]:
        """Return the live jobs that this process controls, each with its claim, or None if that is not known."""
        return {} if self.outcomes is None else self.outcomes.claims()

    async def stop(self, job: str) -> None:
        """Stop a live job whose cancellation has been requested. The default lets it run to its end.

        An override need not wait for the end, which is recorded as any other.

        :param job: One of :meth:`claims`.
        """

    async def cancel(self, job: str) -> None:
        """Cancel a live job: stop it here, or have the process that controls it do so within a poll.

        A job that has succeeded before the request is found stays done.

        :param job: The job.
        :raises DefinitionError: The task records no failures, so that the job would start again.
        """
        if self.outcomes is None:
            raise DefinitionError(
                f"task {self.name} records no failures, so a cancelled job would start again; give it failures= "
                "(a task type of your own: Task.record_failures)"
            )
        claims = self.claims()
        await self.outcomes.request_cancellation(job, claims.get(job))
        if job in claims:
            await self.stop(job)

    def next_due(self) -> datetime | None:
        """Return when the first of the failed jobs that wait may be launched again, or None if none waits."""
        return None if self.outcomes is None else self.outcomes.cache.next_due()

    def plug(
        self,
        output: Task,
        output_links: Iterable[str] | None = None,
        meta: bool = True,
        translator: Repository | None = None,
        translate_allow_deletes: bool = False,
        translate_prefetch_lookup: bool = True,
        *,
        when: When = "success",
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
        :param when: Which jobs of ``output`` let a job start: those that succeeded (``"success"``), those that failed
            for good (``"failure"``), or both (``"finished"``); the outputs are not required then.
        :raises DuplicateNameError: Neither name of a link is free.
        :raises DefinitionError: ``output`` is this task, or none, or has no link of a name that ``output_links`` names,
            or the translator is no repository, or ``when`` asks for failures that are not recorded.
        """
        _require_task(output, self.name)
        if output is self:
            raise DefinitionError(f"task {self.name} cannot be plugged into itself: its jobs would wait for themselves")
        if translator is not None:
            check_repository(f"plugging {output.name} into {self.name}: translator", translator)
        final = None if output.outcomes is None else output.outcomes.final
        options = (translate_allow_deletes, translate_prefetch_lookup)
        plan = PlugPlan(output.name, output.links, final, self.name, output_links, meta, when, translator, options)
        self.links.update(linked_under_free_names(self.links, plan))
        self.plugs.append(Plug(output, when, translator))

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


def _require_task(output: object, name: str) -> None:
    if not isinstance(output, Task):
        raise DefinitionError(
            f"task {name} can only be plugged into a task, not into a {type(output).__name__}; link a "
            f'repository instead: {name}.link("name", repository, is_input=True)'
        )
