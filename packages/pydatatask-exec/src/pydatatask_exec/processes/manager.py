"""The base class of process managers, which say where and how the processes of a process task run."""

from __future__ import annotations

from pydatatask_core.errors import DefinitionError
from pydatatask_exec.processes.plain_workspace import PlainWorkspace
from pydatatask_exec.processes.process_operations import ProcessOperations
from pydatatask_exec.processes.workspace import Workspace

__all__ = ["AbstractProcessManager", "check_manager_source", "require_manager"]


class AbstractProcessManager(ProcessOperations):
    """The base class for process managers.

    Processes are managed through arbitrary "process identifier" handle strings. The abstract members suffice: the task
    sets up the environment of its jobs and retrieves their results by them. Such a manager is safe only as long as one
    pipeline uses it. The managers of this package define :meth:`workspace` too, and so can be shared.
    """

    async def workspace(self, task: str) -> Workspace:
        """Return the place where the jobs of a task live, and make what is needed for it.

        The default is made of the documented members, and safe only as long as one pipeline uses it.

        :param task: The name of the task.
        :raises UnwritableStoreError: The base directory cannot be used.
        """
        return PlainWorkspace(self, self.basedir / task)


def require_manager(task: str, manager: object) -> AbstractProcessManager:
    """Return the manager; refuse what callers without types may give instead of one.

    :param task: The task's name.
    :param manager: What the task was given.
    :raises DefinitionError: It is no process manager.
    """
    if not isinstance(manager, AbstractProcessManager):
        raise DefinitionError(
            f"task {task}: manager() gave an object of type {type(manager).__name__}, not a process manager; "
            "if it is an async function, make it a resource of the pipeline's session, with @session.resource"
        )
    return manager


def check_manager_source(task: str, manager: object) -> None:
    """Refuse a manager itself, or anything else that cannot be called for one.

    :param task: The task's name.
    :param manager: What the task was given.
    :raises DefinitionError: It cannot be called.
    """
    if not callable(manager):
        raise DefinitionError(
            f"task {task}: manager must be a callable that gives the process manager, such as a resource of the "
            f"session or `lambda: localhost`, not an object of type {type(manager).__name__}"
        )
