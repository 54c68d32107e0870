"""Quotas, under the documented path."""

from pydatatask_core import ResourceManager as ResourceManager
from pydatatask_core import Resources as Resources
from pydatatask_core import ResourceType as ResourceType
from pydatatask_core import parse_quantity as parse_quantity

__all__ = ["ResourceManager", "ResourceType", "Resources", "parse_quantity"]
