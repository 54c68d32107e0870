"""Label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from integration.kube.stub.statuses import Json, bad_request

__all__ = ["Matcher", "matcher"]

Matcher = Callable[[Json], bool]
Labels = Mapping[str, str]

_SET = re.compile(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)")
_FIELDS: dict[str, Callable[[Json], object]] = {
    "metadata.name": lambda pod: pod["metadata"]["name"],
    "metadata.namespace": lambda pod: pod["metadata"]["namespace"],
    "spec.nodeName": lambda pod: pod["spec"].get("nodeName", ""),
    "status.phase": lambda pod: pod["status"].get("phase", ""),
}


def matcher(labels: str, fields: str) -> Matcher:
    """Make the test that an object passes which both selectors select."""
    by_label = [_label_test(part.strip()) for part in re.split(r",(?![^(]*\))", labels) if part.strip()]
    by_field = [_field_test(part.strip()) for part in fields.split(",") if part.strip()]

    def matches(pod: Json) -> bool:
        own = pod["metadata"].get("labels") or {}
        return all(test(own) for test in by_label) and all(test(pod) for test in by_field)

    return matches


def _label_test(part: str) -> Callable[[Labels], bool]:
    if found := _SET.fullmatch(part):
        key, operator, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        return lambda labels: (labels.get(key) in values) == (operator == "in")
    for operator in ("!=", "==", "="):
        key, found_operator, value = part.partition(operator)
        if found_operator:
            if "=" in value:
                raise bad_request("found '=', expected: ',' or 'end of string'")
            return lambda labels: (labels.get(key.strip()) == value.strip()) == (operator != "!=")
    if part.startswith("!"):
        return lambda labels: part[1:] not in labels
    return lambda labels: part in labels


def _field_test(part: str) -> Callable[[Json], bool]:
    negated = "!=" in part
    key, _, value = part.partition("!=" if negated else "=")
    value = value.removeprefix("=")
    if key not in _FIELDS:
        raise bad_request(f"field label not supported: {key}")
    return lambda pod: (_FIELDS[key](pod) == value) != negated
