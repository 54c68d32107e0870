"""Pipelines: unordered collections of tasks, related by the repositories that they share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from pydatatask_core.errors import DefinitionError, DuplicateNameError, SessionStateError
from pydatatask_core.opening import finish_tasks, prepare_tasks, validate_repositories
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.repositories.repository import DIRECT
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.dependencies import Node, dependants, digraph
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    import networkx

    from pydatatask_core.scheduling.reconcile import Reconciler

__all__ = ["Pipeline"]


class _Opened(NamedTuple):
    """The state of a pipeline that is open for writing."""

    reconciler: Reconciler
    turn: asyncio.Lock


class Pipeline:
    """Run tasks: reap their finished jobs, and launch those that are ready.

    Nothing is launched or reaped outside :meth:`update`, its two halves and :meth:`run`. The repositories are the only
    state: a pipeline can be stopped anywhere and started again anywhere.

    :param tasks: The tasks which make up this pipeline.
    :param session: The session to open while this pipeline is active.
    :param resources: Any resource managers in use. You need to provide these so the pipeline can reset the
        rate limits at each update.
    :param priority: Optional: a function which takes a task and job name and returns an integer priority. No jobs will
        be scheduled unless all higher-priority jobs (larger numbers) have already been scheduled.
    :param concurrency: How many jobs of an in-process task run at a time, and how many launches of any other task are
        under way at a time.
    :param poll_seconds: How long :meth:`run` waits for an event before it reconciles again: the shortest interval, and
        the longest, to which it grows while nothing happens.
    :param retry_seconds: The back-off of :meth:`run` after a failure; each further failure doubles it, up to half a
        minute.
    :raises DuplicateNameError: Two tasks have the same name.
    """

    def __init__(
        self,
        tasks: Iterable[Task],
        session: Session,
        resources: Iterable[ResourceManager] = (),
        priority: Callable[[str, str], int] | None = None,
        *,
        concurrency: int = 15,
        poll_seconds: tuple[float, float] = (0.01, 1.0),
        retry_seconds: float = 0.25,
    ) -> None:
        if concurrency < 1:
            raise DefinitionError(f"concurrency must be at least 1, not {concurrency}")
        self.tasks: dict[str, Task] = {}
        for task in tasks:
            if task.name in self.tasks:
                raise DuplicateNameError(f"the pipeline has two tasks named {task.name!r}; give one another name")
            self.tasks[task.name] = task
        self.session = session
        self.resources: list[ResourceManager] = list(resources)
        self.priority = priority
        self._concurrency = concurrency
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._validated: set[Task] = set()
        self._opened: _Opened | None = None
        self._access: Access | None = None

    @property
    def is_open(self) -> bool:
        """Whether the pipeline is open for writing: it can be updated and run."""
        return self._opened is not None

    @property
    def access(self) -> Access | None:
        """What the pipeline is open for: running (:attr:`Access.WRITE`) or only reading; None while it is closed."""
        return self._access

    def settings(self, synchronous: bool = False, metadata: bool = True) -> None:
        """Set properties of the current run.

        :param synchronous: Whether jobs will be started and completed in-process, waiting for their completion before a
            launch phase succeeds.
        :param metadata: Whether jobs will store their completion metadata.
        """
        for task in self.tasks.values():
            task.synchronous = synchronous
            task.metadata = metadata

    async def open(self, access: Access = Access.WRITE) -> None:
        """Open the pipeline and its associated resource session.

        This is done automatically when entering an ``async with pipeline:`` block. Tasks are validated at the first
        opening, repositories at each.

        :param access: :attr:`Access.OBSERVE` opens it for reading only: nothing is created, and it cannot be run.
        :raises SessionStateError: The pipeline is open already.
        :raises Exception: A resource, task or repository is not usable; everything is closed again.
        """
        if self._access is not None:
            raise SessionStateError("the pipeline is open already; close it before it is opened again")
        await self.session.open()
        try:
            await validate_repositories(list(self.tasks.values()), access)
            if access is not Access.OBSERVE:
                await prepare_tasks(list(self.tasks.values()), self._validated)
        except BaseException as error:
            await self.session.__aexit__(type(error), error, error.__traceback__)
            raise
        self._access = access
        if access is not Access.OBSERVE:
            self._opened = _Opened(self._new_reconciler(), asyncio.Lock())

    def _new_reconciler(self) -> Reconciler:
        """Make a new reconciler, since nothing but the repositories outlives an opening."""
        # Imported here, as most commands of the command line run nothing, and start faster without the scheduler.
        from pydatatask_core.scheduling.reconcile import Reconciler

        tasks = list(self.tasks.values())
        return Reconciler(tasks, self.resources, self.priority, self._concurrency, self._retry_seconds)

    async def close(self) -> None:
        """Close the pipeline and its associated resource session.

        This is done automatically when exiting an ``async with pipeline:`` block.
        """
        await self.__aexit__(None, None, None)

    async def __aenter__(self) -> Self:
        """Open the pipeline."""
        await self.open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the pipeline, passing the exception to the resources of the session."""
        opened, self._opened, self._access = self._opened, None, None
        try:
            if opened is not None:
                await finish_tasks(self.tasks.values())
        finally:
            await self.session.__aexit__(exc_type, exc, traceback)

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[Reconciler, None]:
        """Give the reconciler to one caller at a time; two might launch the same job."""
        opened = self._opened
        if opened is None:
            raise SessionStateError("the pipeline is not open for rounds: use it inside `async with pipeline:`")
        async with opened.turn:
            if self._opened is not opened:
                raise SessionStateError("the pipeline was closed before this round could begin")
            yield opened.reconciler

    async def update(self) -> bool:
        """Perform one round of pipeline maintenance: the update phase and then the launch phase.

        The pipeline must be opened for this function to run. It returns when every launch of the round has, and the
        launch of an in-process job is the job.

        :returns: Whether there is any activity in the pipeline.
        """
        live = await self.update_only_update()
        return await self.update_only_launch() or live

    async def update_only_update(self) -> bool:
        """Perform one round of the update phase of pipeline maintenance. The pipeline must be opened.

        :returns: Whether there were any live jobs.
        """
        async with self._turn() as reconciler:
            return await reconciler.update()

    async def update_only_launch(self) -> bool:
        """Perform one round of the launch phase of pipeline maintenance. The pipeline must be opened.

        :returns: Whether any jobs were launched or ready to launch, or a repository failed.
        """
        async with self._turn() as reconciler:
            found_at = time.monotonic()
            answers = await reconciler.ready()
            ready = {task: jobs for task, jobs in answers.items() if jobs}
            await reconciler.launch_all(ready, found_at)
            return bool(ready) or None in answers.values()

    async def run(
        self,
        forever: bool = False,
        launch_once: bool = False,
        timeout: float | None = None,
        *,
        wait_for_retries: bool = True,
    ) -> None:
        """Run the pipeline until no job is live or ready.

        Unlike :meth:`update`, it goes on with other jobs while a slow in-process job runs.

        :param forever: Whether to keep running when there is nothing left to do, until :meth:`stop_launching`.
        :param launch_once: Whether to launch only what the first reconcile finds ready, and then only to reap it.
        :param timeout: Seconds after which to stop; jobs that run elsewhere are left alone.
        :param wait_for_retries: Whether to go on while a failed job waits for its next attempt.
        :raises TimeoutError: The timeout has expired.
        :raises PipelineStuckError: No job is live, and every ready job has failed to launch five times in a row, can
            never fit its quota, or depends on a store that has failed for five minutes; or a task is defined in a way
            that cannot work. Not with ``forever``.
        """
        from pydatatask_core.scheduling.run import RunOptions, run

        async with asyncio.timeout(timeout), self._turn() as reconciler:
            await run(reconciler, RunOptions(forever, launch_once, wait_for_retries, self._poll_seconds))

    def stop_launching(self, *, leave_running: bool = False) -> None:
        """Let the run that is under way launch nothing more; it ends when no job is live.

        The next run launches jobs again.

        :param leave_running: Whether the run also ends while processes and pods are live, which do not end with this
            process; the next run goes on with them.
        """
        if self._opened is not None:
            self._opened.reconciler.switch.turn_off(leave_running)

    @property
    def launched(self) -> int:
        """How many jobs have been launched since the pipeline was opened, each attempt counted; 0 if it is closed."""
        return 0 if self._opened is None else self._opened.reconciler.launched

    async def failures(self) -> dict[str, AbstractSet[str]]:
        """Return the jobs of each task that have failed for good, for the tasks that record failures."""
        from pydatatask_core.tasks.blocked import failed_jobs

        return await failed_jobs(self.tasks.values())

    async def blocked(self) -> dict[str, dict[str, str]]:
        """Return the jobs of each task that never start, as a job further up has failed, with that failure."""
        from pydatatask_core.tasks.blocked import blocked_jobs

        blocked = await blocked_jobs(list(self.tasks.values()))
        return {task: {job: str(cause) for job, cause in jobs.items()} for task, jobs in blocked.items()}

    async def gather_ready_jobs(self, task: Task) -> set[str]:
        """Collect all jobs that are ready to be launched for a given task.

        :param task: A task of the pipeline.
        """
        return set(await listed(DIRECT, task.ready))

    def graph(self) -> networkx.DiGraph[Node]:
        """Generate the dependency graph: a directed graph with both repositories and tasks as nodes."""
        return digraph(self.tasks.values())

    def dependants(self, node: Node, recursive: bool) -> Iterable[Node]:
        """Iterate the nodes that are dependent on the given node of the dependency graph, first the node itself.

        :param node: The starting point of the graph traversal.
        :param recursive: Whether to return only direct dependencies (False) or transitive ones (True).
        """
        return dependants(self.tasks.values(), node, recursive)
