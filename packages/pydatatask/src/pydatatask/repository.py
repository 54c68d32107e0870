"""Repositories, under the documented path."""

from pydatatask_core import BlobRepository as BlobRepository
from pydatatask_core import MapRepository as MapRepository
from pydatatask_core import MetadataRepository as MetadataRepository
from pydatatask_core import Repository as Repository
from pydatatask_exec import ExecutorLiveRepo as ExecutorLiveRepo
from pydatatask_exec import LiveKubeRepository as LiveKubeRepository
from pydatatask_storage import AggregateAndRepository as AggregateAndRepository
from pydatatask_storage import AggregateOrRepository as AggregateOrRepository
from pydatatask_storage import BlockingRepository as BlockingRepository
from pydatatask_storage import DirectoryRepository as DirectoryRepository
from pydatatask_storage import DockerRepository as DockerRepository
from pydatatask_storage import FileRepository as FileRepository
from pydatatask_storage import FileRepositoryBase as FileRepositoryBase
from pydatatask_storage import InProcessBlobRepository as InProcessBlobRepository
from pydatatask_storage import InProcessBlobStream as InProcessBlobStream
from pydatatask_storage import InProcessMetadataRepository as InProcessMetadataRepository
from pydatatask_storage import MongoMetadataRepository as MongoMetadataRepository
from pydatatask_storage import RelatedItemRepository as RelatedItemRepository
from pydatatask_storage import S3BucketInfo as S3BucketInfo
from pydatatask_storage import S3BucketRepository as S3BucketRepository
from pydatatask_storage import YamlMetadataFileRepository as YamlMetadataFileRepository
from pydatatask_storage import YamlMetadataRepository as YamlMetadataRepository
from pydatatask_storage import YamlMetadataS3Repository as YamlMetadataS3Repository
from pydatatask_storage import outcome_files as outcome_files

__all__ = [
    "AggregateAndRepository",
    "AggregateOrRepository",
    "BlobRepository",
    "BlockingRepository",
    "DirectoryRepository",
    "DockerRepository",
    "ExecutorLiveRepo",
    "FileRepository",
    "FileRepositoryBase",
    "InProcessBlobRepository",
    "InProcessBlobStream",
    "InProcessMetadataRepository",
    "LiveKubeRepository",
    "MapRepository",
    "MetadataRepository",
    "MongoMetadataRepository",
    "RelatedItemRepository",
    "Repository",
    "S3BucketInfo",
    "S3BucketRepository",
    "YamlMetadataFileRepository",
    "YamlMetadataRepository",
    "YamlMetadataS3Repository",
    "outcome_files",
]
