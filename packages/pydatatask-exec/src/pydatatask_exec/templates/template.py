"""Templates: the Jinja2 texts from which tasks make the script or manifest of a job.

The names that a template can use are in :mod:`pydatatask_exec.templates.environment`. All of Jinja2 works, with the
extensions ``do`` and ``loopcontrols``; ``include``, ``import`` and ``extends`` read files beside the template's file,
or in the working directory if there is none. Nothing is escaped unless the template asks for it, by the filters of
:mod:`pydatatask_exec.templates.filters`: ``shquote``, ``tojson`` and ``toyaml``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pydatatask_core.errors import TemplateError, TemplateNameError
from pydatatask_core.tasks.links import Link
from pydatatask_exec.templates.compiling import compile_template
from pydatatask_exec.templates.environment import TemplateEnvironment
from pydatatask_exec.templates.filters import FILTERS
from pydatatask_exec.templates.source import read_template

if TYPE_CHECKING:
    import jinja2

__all__ = ["Template"]

_MARKS = ("{{", "{%", "{#")
_HINT = " (if text has {{, {% or {# in it, write {% raw %} before and {% endraw %} after it)"


class Template:
    """A template that is read and compiled once, and rendered for each job.

    Making one reads a file and takes milliseconds; in a coroutine, use :meth:`load`.

    :param template: The text, or the path of a file: a ``str`` that names an existing file is that file's content.
    :param task: The name of the task.
    :raises TemplateError: The template cannot be read or parsed.
    """

    def __init__(self, template: str | Path, task: str) -> None:
        import jinja2

        self.task = task
        source = read_template(template, task)
        try:
            self._template, self._names = compile_template(source.text, source.directory)
            self._constant = None if any(mark in source.text for mark in _MARKS) else self._template.render()
        except jinja2.TemplateSyntaxError as error:
            place = error.filename or source.path or "text"
            raise TemplateError(
                f"task {task}: the template {place} has an error in line {error.lineno}: {error.message}{_hint(error)}"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(f"task {task}: what the template includes cannot be read: {error}") from error
        except (RecursionError, SyntaxError) as error:  # of the Python that Jinja makes of it
            raise TemplateError(f"task {task}: the template is nested too deeply: {error}{_HINT}") from error

    @classmethod
    async def load(cls, template: str | Path, task: str) -> Self:
        """Read and compile a template in a thread; the parameters are those of the class.

        :param template: The text, or the path of a file.
        :param task: The name of the task.
        :raises TemplateError: The template cannot be read or parsed.
        """
        return await asyncio.to_thread(cls, template, task)

    async def render(self, job: str, links: Mapping[str, Link], environment: Mapping[str, object] | None = None) -> str:
        """Render the template for a job.

        :param job: The job.
        :param links: The task's links; the ``info`` of one is looked up once, and only if the template uses it.
        :param environment: Optional: further names, which override links, but not ``job`` and ``task``.
        :raises TemplateNameError: The template uses a name or an attribute that does not exist.
        :raises TemplateError: The ``info`` of a link cannot be read, or something in the template fails.
        """
        if self._constant is not None:
            return self._constant
        import jinja2

        names = TemplateEnvironment(self.task, job, links, environment or {})
        context = await names.values(self._names)
        try:
            if self._names is None:  # it will read files, so not in this thread
                return await asyncio.to_thread(self._template.render, context)
            return await self._template.render_async(context)
        except jinja2.UndefinedError as error:
            known = ", ".join(names.known())
            raise TemplateNameError(
                f"{self._place(job, error)}: {error.message}; the names there are: {known}"
            ) from error
        except Exception as error:
            raise TemplateError(f"{self._place(job, error)}: {type(error).__name__}: {error}") from error

    def _place(self, job: str, error: Exception) -> str:
        line = _line_of(error.__traceback__)
        return f"task {self.task}, job {job}: the template fails{f' in line {line}' if line else ''}"


def _hint(error: jinja2.TemplateSyntaxError) -> str:
    if error.message is not None and error.message.startswith("No filter"):
        return f" Besides Jinja's own filters there are {', '.join(FILTERS)}."
    return _HINT


def _line_of(traceback: TracebackType | None) -> int | None:
    """Return the line of a template in a traceback, where Jinja puts frames that stand for it."""
    line = None
    while traceback is not None:
        if "__jinja_exception__" in traceback.tb_frame.f_globals:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
