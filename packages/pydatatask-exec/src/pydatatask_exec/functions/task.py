"""Base class of tasks whose body is a Python function."""

from __future__ import annotations

from abc import ABC
from typing import Self

from typing_extensions import override

from pydatatask_core.errors import DefinitionError, MissingFunctionError
from pydatatask_core.tasks.task import Task
from pydatatask_exec.functions.binding import BoundFunction, bind_function
from pydatatask_exec.functions.types import TaskFunction

__all__ = ["FunctionTask"]


class FunctionTask(Task, ABC):
    """A task whose body is a function, given by decoration or as an argument."""

    func: TaskFunction | None = None
    """The function that runs for each job."""

    def check_function(self, func: TaskFunction) -> None:
        """Refuse a function that this task could not run as it promises, before it is bound.

        :param func: The function.
        :raises DefinitionError: It cannot be stopped at its timeout.
        """

    def __call__(self, func: TaskFunction) -> Self:
        """Make ``func`` the body of this task, so that the task can be used as a decorator.

        :param func: The function; :mod:`pydatatask_exec.functions.binding` describes how its parameters are bound.
        :returns: The task.
        :raises DefinitionError: The task has a function already.
        """
        if self.func is not None:
            raise DefinitionError(f"task {self.name} has a function already; make another task for the second one")
        self.check_function(func)
        self.func = func
        return self

    def bind(self) -> BoundFunction:
        """Return the function with its parameters bound to the current links.

        :raises MissingFunctionError: There is no function.
        :raises FunctionBindingError: A parameter is neither ``job`` nor a link, and has no default.
        """
        if self.func is None:
            raise MissingFunctionError(
                f"task {self.name} has no function to run: decorate one with the task, or give it as func="
            )
        bound = bind_function(self.func, self.name, self.links)
        self.check_function(self.func)
        return bound

    @override
    async def validate(self) -> None:
        self.bind()
