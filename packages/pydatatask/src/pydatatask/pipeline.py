"""Pipelines, under the documented path."""

from pydatatask_core import Pipeline as Pipeline

__all__ = ["Pipeline"]
