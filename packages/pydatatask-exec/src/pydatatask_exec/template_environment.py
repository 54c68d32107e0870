"""The Jinja2 environment of templates, and which names a template will look up there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydatatask_exec.template_filters import FILTERS

if TYPE_CHECKING:
    import jinja2

__all__ = ["names_used", "template_environment"]


def template_environment(directory: Path) -> jinja2.Environment:
    """Make the environment for a template: asynchronous, strict, with our filters.

    :param directory: Where to look for what the template includes.
    """
    import jinja2

    environment = jinja2.Environment(
        enable_async=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        loader=jinja2.FileSystemLoader(directory),
        auto_reload=False,
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
    )
    environment.filters.update(FILTERS)
    return environment


def names_used(environment: jinja2.Environment, text: str, seen: set[str]) -> set[str] | None:
    """Give the names that a template, and those that it includes, look up; None where that cannot be foreseen.

    Included templates are compiled on the way, so that rendering reads no files.

    :param environment: The environment of the template.
    :param text: The template.
    :param seen: The names of included templates that need not be looked at again; it is added to.
    :raises jinja2.TemplateSyntaxError: A template cannot be parsed.
    """
    import jinja2.meta

    tree = environment.parse(text)
    names = jinja2.meta.find_undeclared_variables(tree)
    for reference in jinja2.meta.find_referenced_templates(tree):
        if reference is None:
            return None
        if reference in seen or environment.loader is None:
            continue
        seen.add(reference)
        try:
            included = environment.loader.get_source(environment, reference)[0]
            environment.get_template(reference)
        except jinja2.TemplateNotFound:
            continue  # which may be as intended (`ignore missing`); if not, rendering fails
        more = names_used(environment, included, seen)
        if more is None:
            return None
        names |= more
    return names
