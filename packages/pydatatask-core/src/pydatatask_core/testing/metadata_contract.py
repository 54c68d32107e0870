"""What holds for every store of records."""

from __future__ import annotations

from pydatatask_core.testing.metadata_tests import M, MetadataTests
from pydatatask_core.testing.repository_contract import RepositoryContract

__all__ = ["MetadataContract"]


class MetadataContract(MetadataTests[M], RepositoryContract[M]):
    """The tests for a metadata repository: those for any store, and those for its values."""
