"""The cluster."""

from __future__ import annotations

from integration.kube.clusters import stub as stub
from integration.kube.clusters import stubbed as stubbed
