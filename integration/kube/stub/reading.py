"""Reading: one pod, lists, lists in chunks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from integration.kube.stub.selectors import matcher
from integration.kube.stub.statuses import (
    Json,
    bad_request,
    bad_version,
    expired_continue,
    expired_list,
    future_version,
    match_without_version,
    not_found,
)
from integration.kube.stub.store import Store

__all__ = ["get_pod", "list_pods", "parsed_version"]


def get_pod(store: Store, namespace: str, name: str) -> Json:
    pod = store.get(namespace, name)
    if pod is None:
        raise not_found(name)
    return pod


def parsed_version(text: str) -> int:
    if text and not text.isdecimal():
        raise bad_version(text)
    return int(text or 0)


def list_pods(store: Store, namespace: str, query: Mapping[str, str]) -> Json:
    version = _version(store, query)
    start = ""
    if token := query.get("continue"):
        version, start = _decoded(token)
        if version >= 0 and version not in store.snapshots:
            raise expired_continue(_encoded(-1, start))
    pods = _snapshot(store, version if start else store.version, namespace)
    matches = matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""))
    found = [pod for pod in pods if pod["metadata"]["name"] >= start and matches(pod)]
    metadata: Json = {"resourceVersion": str(version if start and version >= 0 else store.version)}
    limit = int(query.get("limit") or 0) if query.get("resourceVersion") != "0" else 0
    if limit and len(found) > limit:
        # The token holds the last name that was given, and the least character there is.
        metadata["continue"] = _encoded(int(metadata["resourceVersion"]), found[limit - 1]["metadata"]["name"] + "\0")
        store.snapshots[int(metadata["resourceVersion"])] = pods
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(found) - limit
        found = found[:limit]
    items = [{key: value for key, value in pod.items() if key not in ("kind", "apiVersion")} for pod in found]
    return {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}


def _version(store: Store, query: Mapping[str, str]) -> int:
    wanted = parsed_version(query.get("resourceVersion", ""))
    if query.get("resourceVersionMatch") and not query.get("resourceVersion"):
        raise match_without_version()
    if wanted > store.version:
        raise future_version(wanted, store.version)
    if query.get("resourceVersionMatch") == "Exact" and wanted < store.oldest:
        raise expired_list()
    return wanted


def _snapshot(store: Store, version: int, namespace: str) -> list[Json]:
    if version in store.snapshots:
        return store.snapshots[version]
    pods = [pod for (space, _), pod in store.pods.items() if space == namespace]
    return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))


def _encoded(version: int, start: str) -> str:
    token = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": f"/{start}"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _decoded(token: str) -> tuple[int, str]:
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(content["rv"]), str(content["start"]).lstrip("/")
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
