"""The links that a task gets when another is plugged into it, computed by a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydatatask_core.errors import DefinitionError
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.tasks.links import Link

__all__ = ["plugged_links", "same_repository"]


def same_repository(one: Repository, other: Repository) -> bool:
    """Tell whether two repositories are the same object, or views of the same object by the same translator.

    :param one: A repository.
    :param other: Another.
    """
    if one is other:
        return True
    if not isinstance(one, TranslatedRepository) or not isinstance(other, TranslatedRepository):
        return False
    return one.translator is other.translator and same_repository(one.base, other.base)


def plugged_links(
    links: Mapping[str, Link],
    output_links: Iterable[str] | None,
    meta: bool,
    translator: Repository | None,
    options: tuple[bool, bool],
    what: str,
) -> Iterator[tuple[str, Link]]:
    """Yield each link of the upstream task that becomes a link downstream, under its upstream name.

    :param links: The links of the upstream task.
    :param output_links: Names of the output links that become inputs, or None for all.
    :param meta: Whether inhibit- and required-for- dispositions are transferred.
    :param translator: The repository that translates job ids, or None.
    :param options: Whether a translated view allows deletes, and whether it loads all translations at once.
    :param what: The operation, for the message.
    :raises DefinitionError: One of ``output_links`` names no link.
    """
    wanted = None if output_links is None else set(output_links)
    if wanted is not None and not wanted <= links.keys():
        unknown, outputs = sorted(wanted - links.keys()), [name for name, link in links.items() if link.is_output]
        raise DefinitionError(
            f"{what}: there are no links to plug that are named {', '.join(unknown)}; the output links are: "
            f"{', '.join(outputs) or 'none'}"
        )
    for name, link in links.items():
        is_input = link.is_output and (wanted is None or name in wanted)
        inhibits = meta and link.inhibits_output
        # Without `meta` an input is required, as `Task.link` assumes where `required_for_start` is not given.
        required = link.required_for_output if meta else is_input
        if is_input or inhibits or required:
            repo = link.repo if translator is None else TranslatedRepository(link.repo, translator, *options)
            yield name, Link(repo, is_input=is_input, inhibits_start=inhibits, required_for_start=required)
