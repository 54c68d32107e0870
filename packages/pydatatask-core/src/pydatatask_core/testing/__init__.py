"""Test suites of the contract of repositories, for authors of a repository of their own.

A suite is a class of tests. Subclass it in a test module, and define how to make a repository and how to read and
change its store without the repository (through a *side door*)::

    from pydatatask_core.testing import BlobContract

    class TestMyRepository(BlobContract[MyRepository]):
        async def make_repository(self) -> MyRepository:
            return MyRepository(tempfile.mkdtemp(dir=self.tmp_path))

        async def put_raw(self, repository: MyRepository, job: str, data: bytes) -> None:
            (repository.place / job).write_bytes(data)

        async def get_raw(self, repository: MyRepository, job: str) -> bytes | None:
            ...

        async def raw_keys(self, repository: MyRepository) -> set[str]:
            return set(os.listdir(repository.place))

The suites need pytest, pytest-asyncio in its automatic mode (``asyncio_mode = "auto"``) and hypothesis. They use the
mark ``requirement``; list it in pytest's option ``markers``, or pytest warns of it.
"""

from pydatatask_core.testing.assert_rewriting import REWRITTEN as REWRITTEN
from pydatatask_core.testing.blob_contract import BlobContract as BlobContract
from pydatatask_core.testing.blob_tests import BlobTests as BlobTests
from pydatatask_core.testing.hooks import RepositoryHooks as RepositoryHooks
from pydatatask_core.testing.metadata_contract import MetadataContract as MetadataContract
from pydatatask_core.testing.metadata_tests import RAISES as RAISES
from pydatatask_core.testing.metadata_tests import MetadataTests as MetadataTests
from pydatatask_core.testing.records import yaml_records as yaml_records
from pydatatask_core.testing.repository_contract import RepositoryContract as RepositoryContract
from pydatatask_core.testing.stream_helpers import read_in_pieces as read_in_pieces
from pydatatask_core.testing.stream_helpers import write_and_abandon as write_and_abandon
from pydatatask_core.testing.unfinished_writer_tests import UnfinishedWriterTests as UnfinishedWriterTests
from pydatatask_core.testing.view_contract import ViewContract as ViewContract

__all__ = [
    "RAISES",
    "REWRITTEN",
    "BlobContract",
    "BlobTests",
    "MetadataContract",
    "MetadataTests",
    "RepositoryContract",
    "RepositoryHooks",
    "UnfinishedWriterTests",
    "ViewContract",
    "read_in_pieces",
    "write_and_abandon",
    "yaml_records",
]
