"""The suite for stores of blobs."""

from __future__ import annotations

from pydatatask_core.testing.blob_tests import B, BlobTests
from pydatatask_core.testing.repository_contract import RepositoryContract
from pydatatask_core.testing.unfinished_writer_tests import UnfinishedWriterTests

__all__ = ["BlobContract"]


class BlobContract(BlobTests[B], UnfinishedWriterTests[B], RepositoryContract[B]):
    """All tests of a blob repository: those of any store, and those of its values."""
