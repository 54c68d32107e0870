"""Configuration: how to reach the cluster, from the caller, a kubeconfig, or a service account."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pydatatask_core.errors import ClusterError, MissingExtraError, NoClusterError
from pydatatask_exec.kubernetes.cluster.kubeconfig import load_kubeconfig

if TYPE_CHECKING:
    from kubernetes_asyncio.client import Configuration

__all__ = ["ClusterConfig"]

_WRONG_SHAPE = (AssertionError, AttributeError, LookupError, TypeError)
"""What the library raises if a kubeconfig lacks a part, or has text where a mapping belongs."""


class ClusterConfig:
    """How to reach a cluster.

    :param given: Optional: gives the configuration. Without it, the library's default is used where one has been
        loaded; else the kubeconfig (``KUBECONFIG``, or ``~/.kube/config``) where there is one; else the service account
        of the pod that this process runs in.
    """

    def __init__(self, given: Callable[[], Configuration] | None) -> None:
        self._given = given
        self._found: Configuration | None = None

    @property
    def self_found(self) -> bool:
        """Whether the configuration was found here, so that it can be read again when the cluster refuses it."""
        return self._found is not None

    async def get(self) -> Configuration:
        """Return the configuration; this may read files and run a program.

        :raises NoClusterError: None was found.
        :raises ClusterError: What was found cannot be used.
        """
        at_hand = self._at_hand()
        if at_hand is not None:
            return at_hand
        self._found = await asyncio.to_thread(_find)
        return self._found

    def get_now(self) -> Configuration:
        """Return what :meth:`get` returns, but block while files are read or a program runs.

        :raises NoClusterError: None was found.
        :raises ClusterError: What was found cannot be used.
        """
        at_hand = self._at_hand()
        if at_hand is None:
            with ThreadPoolExecutor(1) as thread:  # a thread of its own, since finding it needs an event loop
                at_hand = self._found = thread.submit(_find).result()
        return at_hand

    async def renew(self) -> Configuration:
        """Read the configuration again, since a token from a program expires."""
        self._found = await asyncio.to_thread(_find)
        return self._found

    def _at_hand(self) -> Configuration | None:
        if self._given is not None:
            return self._given()
        return self._loaded_default() or self._found

    @staticmethod
    def _loaded_default() -> Configuration | None:
        try:
            from kubernetes_asyncio.client import Configuration
        except ImportError as error:
            raise MissingExtraError("kubernetes_asyncio", "pydatatask-exec[kube]") from error
        default = Configuration.get_default_copy()
        return default if default.host != Configuration().host else None


def _find() -> Configuration:
    named = os.environ.get("KUBECONFIG")
    places = named or str(Path.home() / ".kube" / "config")
    if any(os.path.isfile(os.path.expanduser(place)) for place in places.split(os.pathsep)):
        return _from_kubeconfig(places)
    return _from_service_account(f"{places}, which KUBECONFIG names," if named else places)


def _from_kubeconfig(places: str) -> Configuration:
    from kubernetes_asyncio.client import Configuration

    configuration = Configuration()
    try:
        load_kubeconfig(places, configuration)
    except _what_loading_raises() as error:
        explained = not isinstance(error, _WRONG_SHAPE)
        reason = " ".join(str(error).split()) if explained else "its content is no kubeconfig"
        raise ClusterError(
            f"the kubeconfig {places} cannot be used: {reason}; mend it, or let KUBECONFIG name another one"
        ) from error
    return configuration


def _what_loading_raises() -> tuple[type[Exception], ...]:
    import yaml
    from kubernetes_asyncio.config import ConfigException

    return (ConfigException, yaml.YAMLError, OSError, ValueError, *_WRONG_SHAPE)


def _from_service_account(missing: str) -> Configuration:
    from kubernetes_asyncio.client import Configuration
    from kubernetes_asyncio.config import ConfigException, incluster_config

    configuration = Configuration()
    token, certificate = incluster_config.SERVICE_TOKEN_FILENAME, incluster_config.SERVICE_CERT_FILENAME
    try:
        incluster_config.InClusterConfigLoader(token, certificate).load_and_set(configuration)
    except ConfigException as error:
        raise NoClusterError(
            f"no way to reach a Kubernetes cluster was found: {missing} is no file, and this is no pod with a service "
            f"account ({str(error).rstrip('.')}); give PodManager a config=, or let KUBECONFIG name a kubeconfig"
        ) from error
    return configuration
