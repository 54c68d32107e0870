"""The repositories of pydatatask: files, YAML, memory, S3, MongoDB, Docker registries and combinators."""

from pydatatask_storage.aggregate_and import AggregateAndRepository as AggregateAndRepository
from pydatatask_storage.aggregate_or import AggregateOrRepository as AggregateOrRepository
from pydatatask_storage.blocking import BlockingRepository as BlockingRepository
from pydatatask_storage.directories import DirectoryRepository as DirectoryRepository
from pydatatask_storage.file_base import FileRepositoryBase as FileRepositoryBase
from pydatatask_storage.files import FileRepository as FileRepository
from pydatatask_storage.memory_blobs import InProcessBlobRepository as InProcessBlobRepository
from pydatatask_storage.memory_blobs import InProcessBlobStream as InProcessBlobStream
from pydatatask_storage.memory_metadata import InProcessMetadataRepository as InProcessMetadataRepository
from pydatatask_storage.related import RelatedItemRepository as RelatedItemRepository
from pydatatask_storage.yaml_files import YamlMetadataFileRepository as YamlMetadataFileRepository
from pydatatask_storage.yaml_metadata import YamlMetadataRepository as YamlMetadataRepository

__all__ = [
    "AggregateAndRepository",
    "AggregateOrRepository",
    "BlockingRepository",
    "DirectoryRepository",
    "FileRepository",
    "FileRepositoryBase",
    "InProcessBlobRepository",
    "InProcessBlobStream",
    "InProcessMetadataRepository",
    "RelatedItemRepository",
    "YamlMetadataFileRepository",
    "YamlMetadataRepository",
]
