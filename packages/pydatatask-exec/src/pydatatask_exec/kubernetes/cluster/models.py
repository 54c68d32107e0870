"""Objects of the client library, made from the JSON of cached pods."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pydatatask_exec.kubernetes.cluster.library import pod_models

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient, V1Pod

__all__ = ["V1Pods"]

_SLICE_SECONDS = 0.005


class V1Pods:
    """Makes objects of the class ``V1Pod``, which takes most of a millisecond for each.

    :param api: The client that makes them.
    """

    def __init__(self, api: ApiClient) -> None:
        self._models = pod_models(api)
        self._yield_at = time.monotonic() + _SLICE_SECONDS

    async def make(self, data: bytes) -> V1Pod:
        """Return a pod as an object; from time to time this yields to the event loop.

        :param data: The pod as JSON.
        """
        if time.monotonic() > self._yield_at:
            await asyncio.sleep(0)
            self._yield_at = time.monotonic() + _SLICE_SECONDS
        from kubernetes_asyncio.client.rest import RESTResponse

        class Body(RESTResponse):
            def __init__(self, data: bytes) -> None:
                self.data = data

        return self._models.deserialize(Body(data), "V1Pod")
