"""Sources of templates: the argument is the text itself, or the name of a file with the text."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import NamedTuple

from pydatatask_core.errors import TemplateError

__all__ = ["TemplateSource", "read_template"]

_log = logging.getLogger("pydatatask.task")

_LOOKS_LIKE_A_FILE = re.compile(r"[\w~./-]+\.(sh|bash|py|ya?ml|json|txt|j2|jinja2?|tmpl|tpl)")


class TemplateSource(NamedTuple):
    """The text of a template and the file that it was read from."""

    text: str
    """The text."""

    path: Path | None
    """The file it was read from, or None."""

    @property
    def directory(self) -> Path:
        """The directory of templates that this one includes: its own, or the working directory."""
        return _working_directory() if self.path is None else self.path.absolute().parent


def read_template(template: str | Path, task: str) -> TemplateSource:
    """Return the text of a template argument; this may read a file.

    :param template: The text itself, or the path of a file: a ``Path`` always is one, a ``str`` is one if that file
        exists. Relative paths start from the working directory.
    :param task: The name of the task, for messages.
    :raises TemplateError: The file cannot be read.
    """
    if isinstance(template, str) and not os.path.isfile(template):  # false, not an error, for what can be no path
        if _LOOKS_LIKE_A_FILE.fullmatch(template):
            _log.warning(
                "task %s: there is no file %r in %s, so that is the text of the template",
                task,
                template,
                _working_directory(),
            )
        return TemplateSource(template, None)
    path = Path(template)
    try:
        return TemplateSource(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"task {task}: the template file {path} cannot be read: {error}") from error


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()  # it has been removed; that matters only to templates that include others
