"""The connection to a Kubernetes cluster, under the documented path."""

from pydatatask_exec import PodManager as PodManager

__all__ = ["PodManager"]
