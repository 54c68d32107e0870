"""What an API server makes of a new pod: it is checked, and what it leaves out is filled in."""

from __future__ import annotations

import copy
import random
import re

from integration.kube.stub.statuses import ApiError, Json, bad_request, invalid
from integration.kube.stub.strings import require_strings, require_whole_number

__all__ = ["admitted"]

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LABEL = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
_LONGEST_DEADLINE = 2147483647
_RANDOM = "bcdfghjklmnpqrstvwxz2456789"


def admitted(body: Json, namespace: str) -> Json:
    """Give the pod as it is stored; in an order of fields that does not matter."""
    pod = copy.deepcopy(body)
    require_strings(pod)
    for field in ("activeDeadlineSeconds", "terminationGracePeriodSeconds"):
        require_whole_number(pod.get("spec") or {}, "Pod", "PodSpec.spec", field)
    metadata = pod.setdefault("metadata", {})
    if metadata.get("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + _suffix()
    restart = pod.get("spec", {}).get("restartPolicy", "Always")
    if not isinstance(restart, str):
        raise bad_request(
            'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field '
            "PodSpec.spec.restartPolicy of type v1.RestartPolicy"
        )
    _check(pod)
    metadata["namespace"] = namespace
    pod |= {"kind": "Pod", "apiVersion": "v1", "status": {"phase": "Pending", "qosClass": _quality(pod)}}
    _fill_in(pod["spec"])
    return pod


def _suffix() -> str:
    return "".join(random.choices(_RANDOM, k=5))


def _check(pod: Json) -> None:
    name = pod["metadata"].get("name", "")
    causes = [cause for cause in (_bad_name(name), *_bad_labels(pod), *_bad_spec(pod)) if cause is not None]
    size = sum(len(key) + len(value or "") for key, value in (pod["metadata"].get("annotations") or {}).items())
    if size > 262144:
        causes.append(("FieldValueTooLong", "metadata.annotations", "Too long: may not be more than 262144 bytes"))
    if causes:
        raise invalid(name, causes)


def _bad_name(name: str) -> tuple[str, str, str] | None:
    if re.fullmatch(_SUBDOMAIN, name) and len(name) <= 253:
        return None
    message = (
        f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '
        "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
        f"validation is '{_SUBDOMAIN}')"
    )
    return "FieldValueInvalid", "metadata.name", message


def _bad_labels(pod: Json) -> list[tuple[str, str, str]]:
    causes = []
    for value in (pod["metadata"].get("labels") or {}).values():
        value = value or ""  # null is the empty string
        if not re.fullmatch(_LABEL, value) or len(value) > 63:
            message = (
                f'Invalid value: "{value}": a valid label must be an empty string or consist of alphanumeric '
                "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  "
                f"or 'my_value',  or '12345', regex used for validation is '{_LABEL}')"
            )
            causes.append(("FieldValueInvalid", "metadata.labels", message))
    return causes


def _bad_spec(pod: Json) -> list[tuple[str, str, str]]:
    causes = []
    spec = pod.get("spec", {})
    if not spec.get("containers"):
        causes.append(("FieldValueRequired", "spec.containers", "Required value"))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _LONGEST_DEADLINE:
        message = f"Invalid value: {deadline}: must be between 1 and {_LONGEST_DEADLINE}, inclusive"
        causes.append(("FieldValueInvalid", "spec.activeDeadlineSeconds", message))
    if spec.get("restartPolicy", "Always") not in ("Always", "OnFailure", "Never"):
        message = f'Unsupported value: "{spec["restartPolicy"]}": supported values: "Always", "OnFailure", "Never"'
        causes.append(("FieldValueNotSupported", "spec.restartPolicy", message))
    return causes


def _quality(pod: Json) -> str:
    resources = [container.get("resources") or {} for container in pod["spec"]["containers"]]
    if not any(resources):
        return "BestEffort"
    guaranteed = all(
        entry.get("limits") and entry.get("requests", entry["limits"]) == entry["limits"] for entry in resources
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _fill_in(spec: Json) -> None:
    tokens = f"kube-api-access-{_suffix()}"
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        container.setdefault("resources", {})
        if limits := container["resources"].get("limits"):
            container["resources"]["requests"] = {**limits, **container["resources"].get("requests", {})}
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        latest = ":" not in container["image"].rpartition("/")[2] or container["image"].endswith(":latest")
        container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
        mount = {"name": tokens, "readOnly": True, "mountPath": _TOKENS}
        container["volumeMounts"] = [*container.get("volumeMounts", ()), mount]
    spec["volumes"] = [*spec.get("volumes", ()), _token_volume(tokens)]
    defaults: Json = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": [_toleration("not-ready"), _toleration("unreachable")],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }
    for key, value in defaults.items():
        spec.setdefault(key, value)


def _toleration(taint: str) -> Json:
    return {
        "key": f"node.kubernetes.io/{taint}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }


def _token_volume(name: str) -> Json:
    sources: list[Json] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
            }
        },
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def parse_error() -> ApiError:
    return bad_request("the object provided is unrecognized (must be of type Pod)")
