"""Compile templates: their Jinja2 environment, what they include, and which names they look up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pydatatask_exec.templates.filters import FILTERS

if TYPE_CHECKING:
    import jinja2
    import jinja2.nodes

__all__ = ["compile_template"]


def compile_template(text: str, directory: Path) -> tuple[jinja2.Template, set[str] | None]:
    """Compile a template and what it includes, so that rendering it reads no files.

    :param text: The template.
    :param directory: Where to look for what it includes.
    :returns: The template, and the names that it looks up. These are None where it computes the names of what it
        includes: then it may look up anything, and rendering does read files.
    :raises jinja2.TemplateSyntaxError: A template cannot be parsed.
    """
    import jinja2

    environment = _environment()
    files = jinja2.FileSystemLoader(directory)
    found: dict[str, str] = {}
    environment.loader = jinja2.DictLoader(found)
    names = _names_used(environment, environment.parse(text), None, files, found)
    if names is None:
        environment.loader = files
    for name in found:
        environment.get_template(name)
    return environment.from_string(text), names


def _environment() -> jinja2.Environment:
    """Make an environment: asynchronous, strict, with our filters."""
    import jinja2

    environment = jinja2.Environment(
        enable_async=True,
        undefined=_strict_undefined(),
        keep_trailing_newline=True,
        auto_reload=False,
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
    )
    environment.filters.update(FILTERS)
    return environment


@cache
def _strict_undefined() -> type[jinja2.StrictUndefined]:
    import jinja2

    class Undefined(jinja2.StrictUndefined):
        """Refuses to be iterated asynchronously as well, which all loops of asynchronous templates do."""

        __slots__ = ()

        @override
        async def __aiter__(self) -> AsyncIterator[Any]:
            yield self._fail_with_undefined_error()

    return Undefined


def _names_used(
    environment: jinja2.Environment,
    tree: jinja2.nodes.Template,
    path: str | None,
    files: jinja2.BaseLoader,
    found: dict[str, str],
) -> set[str] | None:
    """Give the names that a template, and those that it includes, look up; None where that cannot be foreseen.

    The texts of what it includes are added to ``found``. One that is not there is left out: that may be as intended
    (``ignore missing``); if not, rendering fails.
    """
    import jinja2.meta

    try:
        names = jinja2.meta.find_undeclared_variables(tree)
    except jinja2.TemplateAssertionError as error:
        error.filename = path  # it names no file, but what Jinja calls trees that are looked into
        raise
    for reference in jinja2.meta.find_referenced_templates(tree):
        if reference is None:
            return None
        if reference in found:
            continue
        try:
            found[reference], filename, _ = files.get_source(environment, reference)
        except jinja2.TemplateNotFound:
            continue
        more = _names_used(
            environment, environment.parse(found[reference], reference, filename), filename, files, found
        )
        if more is None:
            return None
        names |= more
    return names
