"""The links that a task gets when another is plugged into it, computed by pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple, get_args

from pydatatask_core.errors import DefinitionError, DuplicateNameError
from pydatatask_core.outcomes.finished_jobs import FinishedJobs
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.tasks.links import Link

__all__ = ["PlugPlan", "When", "linked_under_free_names", "plugged_links", "same_repository"]

When = Literal["success", "finished", "failure"]
"""Which jobs of the upstream task let a job start: those that succeeded, that finished either way, or that failed."""

_WHENS: Final[tuple[When, ...]] = get_args(When)


class PlugPlan(NamedTuple):
    """What is plugged, and how."""

    upstream: str
    """The name of the upstream task."""

    links: Mapping[str, Link]
    """The links of the upstream task."""

    final: Repository | None
    """The jobs that the upstream task has failed for good, if it records failures."""

    into: str
    """The name of the downstream task."""

    output_links: Iterable[str] | None
    """Names of the output links that become inputs, or None for all."""

    meta: bool
    """Whether inhibit- and required-for- dispositions are transferred."""

    when: When
    """Which upstream jobs let a downstream job start."""

    translator: Repository | None
    """The repository that translates job ids, or None."""

    options: tuple[bool, bool]
    """Whether a translated view allows deletes, and whether it loads all translations at once."""

    @property
    def what(self) -> str:
        """The operation, for messages."""
        return f"plugging {self.upstream} into {self.into}"

    def shown(self, repository: Repository) -> Repository:
        """Return a repository of the upstream task as the downstream task sees it.

        :param repository: The repository.
        """
        if self.translator is None:
            return repository
        return TranslatedRepository(repository, self.translator, *self.options)


def same_repository(one: Repository, other: Repository) -> bool:
    """Tell whether two repositories are the same object, or views of the same object by the same translator.

    :param one: A repository.
    :param other: Another.
    """
    if one is other:
        return True
    if isinstance(one, FinishedJobs) and isinstance(other, FinishedJobs):
        return one.final is other.final
    if not isinstance(one, TranslatedRepository) or not isinstance(other, TranslatedRepository):
        return False
    return one.translator is other.translator and same_repository(one.base, other.base)


def linked_under_free_names(own: Mapping[str, Link], plan: PlugPlan) -> dict[str, Link]:
    """Return the links of the downstream task after the plug.

    :param own: Its links before.
    :param plan: What is plugged, and how.
    :raises DuplicateNameError: Neither name of a link is free.
    :raises DefinitionError: A link is named that does not exist, or ``when`` cannot be.
    """
    links = dict(own)
    for name, link in plugged_links(plan):
        chosen = _free_name(links, plan, name, link)
        present = links.get(chosen)
        links[chosen] = link if present is None else _merged(present, link)
    return links


def plugged_links(plan: PlugPlan) -> Iterator[tuple[str, Link]]:
    """Yield each link of the upstream task that becomes a link downstream, under its upstream name.

    :param plan: What is plugged, and how.
    :raises DefinitionError: A link is named that does not exist, or ``when`` cannot be.
    """
    wanted = _wanted(plan)
    by_success = _is_by_success(plan)
    for name, link in plan.links.items():
        is_input = link.is_output and (wanted is None or name in wanted)
        inhibits = plan.meta and link.inhibits_output and (by_success or not link.is_failure)
        # Without `meta` an input is required, as `Task.link` assumes where `required_for_start` is not given.
        required = by_success and (link.required_for_output if plan.meta else is_input)
        if is_input or inhibits or required:
            shown = plan.shown(link.repo)
            yield name, Link(shown, is_input=is_input, inhibits_start=inhibits, required_for_start=required)
    if not by_success and plan.final is not None:
        yield _condition(plan, plan.final)


def _wanted(plan: PlugPlan) -> set[str] | None:
    if plan.output_links is None:
        return None
    wanted = set(plan.output_links)
    if not wanted <= plan.links.keys():
        unknown = sorted(wanted - plan.links.keys())
        outputs = [name for name, link in plan.links.items() if link.is_output]
        raise DefinitionError(
            f"{plan.what}: there are no links to plug that are named {', '.join(unknown)}; the output links are: "
            f"{', '.join(outputs) or 'none'}"
        )
    return wanted


def _is_by_success(plan: PlugPlan) -> bool:
    if plan.when not in _WHENS:
        raise DefinitionError(f"{plan.what}: when={plan.when!r} is not known; write one of {', '.join(_WHENS)}")
    if plan.when == "success":
        return True
    if not plan.meta:
        raise DefinitionError(f"{plan.what}: when={plan.when!r} needs the dispositions of links; leave out meta=False")
    if plan.final is None and plan.when == "failure":
        raise DefinitionError(
            f"{plan.what}: {plan.upstream} records no failures, so nothing would ever start; give it "
            "failures= (a task type of your own: Task.record_failures)"
        )
    return plan.final is None


def _condition(plan: PlugPlan, final: Repository) -> tuple[str, Link]:
    """Return the link that says which upstream jobs let a job start."""
    successes: Sequence[Repository] = [link.repo for link in plan.links.values() if link.required_for_output]
    if plan.when == "failure":
        return "failures", Link(plan.shown(final), required_for_start=True)
    return "finished", Link(plan.shown(FinishedJobs(successes, final)), required_for_start=True)


def _free_name(links: Mapping[str, Link], plan: PlugPlan, name: str, link: Link) -> str:
    qualified = f"{plan.upstream}_{name}"
    is_output = name in plan.links and plan.links[name].is_output
    for candidate in (name, qualified) if is_output else (qualified,):
        present = links.get(candidate)
        if present is None or same_repository(present.repo, link.repo):
            return candidate
    raise DuplicateNameError(
        f"{plan.what}: link {name!r} finds no free name, as {plan.into} has links of "
        f"that name and of {qualified!r} to other repositories; link it yourself under another name"
    )


def _merged(present: Link, more: Link) -> Link:
    """Add the dispositions of a plugged link to the present one."""
    return replace(
        present,
        is_input=present.is_input or more.is_input,
        inhibits_start=present.inhibits_start or more.inhibits_start,
        required_for_start=present.required_for_start or more.required_for_start,
    )
