"""Finding out how to reach a cluster, where the user does not say."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pydatatask_core.errors import ClusterError, MissingExtraError

if TYPE_CHECKING:
    from kubernetes_asyncio.client import Configuration

__all__ = ["ClusterConfig"]


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
        """Whether the configuration was found here, so that it may be found anew once it is no longer accepted."""
        return self._found is not None

    async def get(self) -> Configuration:
        """Give the configuration; where it has to be found, this reads files and may run a program.

        :raises ClusterError: There is none to be found.
        """
        at_hand = self._at_hand()
        if at_hand is not None:
            return at_hand
        self._found = await asyncio.to_thread(_find)
        return self._found

    def get_now(self) -> Configuration:
        """Do what :meth:`get` does without awaiting anything: where it has to be found, everything else waits.

        :raises ClusterError: There is none to be found.
        """
        at_hand = self._at_hand()
        if at_hand is None:
            with ThreadPoolExecutor(1) as thread:  # a thread of its own, since finding it needs an event loop
                at_hand = self._found = thread.submit(_find).result()
        return at_hand

    async def renew(self) -> Configuration:
        """Find the configuration anew: a token that a program has given does not last for ever."""
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
    from kubernetes_asyncio.client import Configuration
    from kubernetes_asyncio.config import ConfigException, incluster_config, load_kube_config

    configuration = Configuration()
    places = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    try:
        if any(os.path.isfile(place) for place in places.split(os.pathsep)):
            asyncio.run(load_kube_config(config_file=places, client_configuration=configuration))
        else:
            token, certificate = incluster_config.SERVICE_TOKEN_FILENAME, incluster_config.SERVICE_CERT_FILENAME
            incluster_config.InClusterConfigLoader(token, certificate).load_and_set(configuration)
    except ConfigException as error:
        raise ClusterError(
            f"no way to reach a Kubernetes cluster was found: {error}; give PodManager a config=, or provide {places}, "
            "or run in a pod with a service account"
        ) from error
    return configuration
