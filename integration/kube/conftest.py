"""The clusters that the tests run against."""

from __future__ import annotations

from integration.kube.clusters import cluster as cluster
from integration.kube.clusters import real_context as real_context
from integration.kube.clusters import stub as stub
from integration.kube.clusters import stubbed as stubbed
from integration.kube.failing_pods import failing_stage as failing_stage
from integration.kube.failing_pods import stub_failing_stage as stub_failing_stage
from integration.kube.stages import stage as stage
from integration.kube.stages import stub_stage as stub_stage
