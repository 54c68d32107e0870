"""The suite for stores of records."""

from __future__ import annotations

from pydatatask_core.testing.metadata_tests import M, MetadataTests
from pydatatask_core.testing.repository_contract import RepositoryContract

__all__ = ["MetadataContract"]


class MetadataContract(MetadataTests[M], RepositoryContract[M]):
    """All tests of a metadata repository: those of any store, and those of its values."""
