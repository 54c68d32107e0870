"""A pipeline is just an unordered collection of tasks.

Relationships between the tasks are implicit, defined by which repositories they share.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from pydatatask_core.errors import DefinitionError, DuplicateNameError, SessionStateError
from pydatatask_core.opening import finish_tasks, prepare_tasks, validate_repositories
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.repositories.access import Access
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.repositories.repository import DIRECT
from pydatatask_core.scheduling.reconcile import Rounds
from pydatatask_core.scheduling.run import run
from pydatatask_core.scheduling.run_options import RunOptions
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.dependencies import Node, dependants, digraph
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    import networkx

__all__ = ["Pipeline"]


class _Opened(NamedTuple):
    """What a pipeline has while it is open."""

    rounds: Rounds
    turn: asyncio.Lock


class Pipeline:
    """The pipeline class.

    Nothing is launched or reaped outside :meth:`update`, its two halves and :meth:`run`. The repositories are the only
    state: a pipeline can be stopped anywhere and started again anywhere.

    :param tasks: The tasks which make up this pipeline.
    :param session: The session to open while this pipeline is active.
    :param resources: Any resource managers in use. You need to provide these so the pipeline can reset the
        rate-limiting at each update.
    :param priority: Optional: a function which takes a task and job name and returns an integer priority. No jobs will
        be scheduled unless all higher-priority jobs (larger numbers) have already been scheduled.
    :param concurrency: How many jobs of an in-process task run at a time, and how many launches of any other task are
        under way at a time.
    :param poll_seconds: How long :meth:`run` waits for a hint before it looks at the repositories again: at first, and
        at most, after nothing has happened for a while.
    :param retry_seconds: After how long something that failed is tried again in :meth:`run`; each further failure
        doubles it, up to half a minute.
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
        self.resources = list(resources)
        self.priority = priority
        self._concurrency = concurrency
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._validated: set[Task] = set()
        self._opened: _Opened | None = None
        self._access: Access | None = None

    @property
    def is_open(self) -> bool:
        """Whether the pipeline is open for rounds."""
        return self._opened is not None

    @property
    def access(self) -> Access | None:
        """What the pipeline is open for: rounds (:attr:`Access.WRITE`), or looking only; None while it is closed."""
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

        :param access: :attr:`Access.OBSERVE` opens it for looking only: nothing is created, and no rounds can be run.
        :raises SessionStateError: The pipeline is open already.
        :raises Exception: A resource, a task or a repository is not usable; what had been opened has been closed.
        """
        if self._access is not None:
            raise SessionStateError("the pipeline is open already; close it before it is opened again")
        await self.session.open()
        try:
            await validate_repositories(list(self.tasks.values()), access)
            if access is not Access.OBSERVE:
                await prepare_tasks(self.tasks.values(), self._validated)
        except BaseException as error:
            await self.session.__aexit__(type(error), error, error.__traceback__)
            raise
        self._access = access
        if access is not Access.OBSERVE:
            self._opened = _Opened(self._new_rounds(), asyncio.Lock())

    def _new_rounds(self) -> Rounds:
        """Begin afresh: the repositories are all that is remembered from one opening to the next."""
        tasks = list(self.tasks.values())
        return Rounds(tasks, self.resources, self.priority, self._concurrency, self._retry_seconds)

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
        """Close the pipeline; resources of the session see the exception."""
        opened, self._opened, self._access = self._opened, None, None
        try:
            if opened is not None:
                await finish_tasks(self.tasks.values())
        finally:
            await self.session.__aexit__(exc_type, exc, traceback)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Rounds]:
        """Give the rounds to one caller at a time, or two might launch the same job."""
        opened = self._opened
        if opened is None:
            raise SessionStateError("the pipeline is not open for rounds: use it inside `async with pipeline:`")
        async with opened.turn:
            if self._opened is not opened:
                raise SessionStateError("the pipeline was closed before this round could begin")
            yield opened.rounds

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
        async with self._turn() as rounds:
            return await rounds.update()

    async def update_only_launch(self) -> bool:
        """Perform one round of the launch phase of pipeline maintenance. The pipeline must be opened.

        :returns: Whether there were any jobs launched or ready to launch, or this could not be found out.
        """
        async with self._turn() as rounds:
            answers = await rounds.ready()
            ready = {task: jobs for task, jobs in answers.items() if jobs}
            await rounds.launch_all(ready)
            return bool(ready) or None in answers.values()

    async def run(self, forever: bool = False, launch_once: bool = False, timeout: float | None = None) -> None:
        """Bring the pipeline from ready to done: run rounds until nothing is live nor ready.

        Unlike :meth:`update`, it does not wait for a slow in-process job before it goes on with others.

        :param forever: Whether to go on when all is quiet.
        :param launch_once: Whether to launch only what is ready at the first look, and then only to look after it.
        :param timeout: Seconds after which to stop; what runs elsewhere is left alone.
        :raises TimeoutError: The time was over.
        :raises PipelineStuckError: Nothing is live, and all that is ready has failed to launch five times in a row, can
            never fit its quota, or hangs on a store that has failed for five minutes; or a task is put together in a
            way that cannot work. Not with ``forever``.
        """
        async with asyncio.timeout(timeout), self._turn() as rounds:
            await run(rounds, RunOptions(forever, launch_once, self._poll_seconds))

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
