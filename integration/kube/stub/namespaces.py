"""The namespaces, and what is amiss with some of them."""

from __future__ import annotations

from integration.kube.stub.statuses import not_found, refused

__all__ = ["Namespaces"]


class Namespaces:
    """Which namespaces there are, and how many pods a quota allows in them."""

    def __init__(self) -> None:
        self.known = {"default", "q"}
        self.terminating: set[str] = set()
        self.without_service_account: set[str] = set()
        self.quota: dict[str, int] = {}

    def require(self, namespace: str, pod: str) -> None:
        """Refuse a new pod where its namespace cannot take it."""
        if namespace not in self.known:
            raise not_found(namespace, "namespaces")
        if namespace in self.terminating:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise refused(pod, why, [cause])
        if namespace in self.without_service_account:
            account = f"{namespace}/default"
            raise refused(pod, f'error looking up service account {account}: serviceaccount "default" not found')
