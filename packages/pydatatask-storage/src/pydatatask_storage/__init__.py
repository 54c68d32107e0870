"""The repositories of pydatatask: files, YAML, memory, S3, MongoDB, Docker registries and combinators."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydatatask_storage.aggregate_and import AggregateAndRepository as AggregateAndRepository
    from pydatatask_storage.aggregate_or import AggregateOrRepository as AggregateOrRepository
    from pydatatask_storage.blocking import BlockingRepository as BlockingRepository
    from pydatatask_storage.directories import DirectoryRepository as DirectoryRepository
    from pydatatask_storage.docker_repository import DockerRepository as DockerRepository
    from pydatatask_storage.file_base import FileRepositoryBase as FileRepositoryBase
    from pydatatask_storage.files import FileRepository as FileRepository
    from pydatatask_storage.memory_blobs import InProcessBlobRepository as InProcessBlobRepository
    from pydatatask_storage.memory_blobs import InProcessBlobStream as InProcessBlobStream
    from pydatatask_storage.memory_metadata import InProcessMetadataRepository as InProcessMetadataRepository
    from pydatatask_storage.mongo_repository import MongoMetadataRepository as MongoMetadataRepository
    from pydatatask_storage.related import RelatedItemRepository as RelatedItemRepository
    from pydatatask_storage.s3_info import S3BucketInfo as S3BucketInfo
    from pydatatask_storage.s3_repository import S3BucketRepository as S3BucketRepository
    from pydatatask_storage.yaml_files import YamlMetadataFileRepository as YamlMetadataFileRepository
    from pydatatask_storage.yaml_metadata import YamlMetadataRepository as YamlMetadataRepository
    from pydatatask_storage.yaml_s3 import YamlMetadataS3Repository as YamlMetadataS3Repository
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_storage.aggregate_and": ["AggregateAndRepository"],
            "pydatatask_storage.aggregate_or": ["AggregateOrRepository"],
            "pydatatask_storage.blocking": ["BlockingRepository"],
            "pydatatask_storage.directories": ["DirectoryRepository"],
            "pydatatask_storage.docker_repository": ["DockerRepository"],
            "pydatatask_storage.file_base": ["FileRepositoryBase"],
            "pydatatask_storage.files": ["FileRepository"],
            "pydatatask_storage.memory_blobs": ["InProcessBlobRepository", "InProcessBlobStream"],
            "pydatatask_storage.memory_metadata": ["InProcessMetadataRepository"],
            "pydatatask_storage.mongo_repository": ["MongoMetadataRepository"],
            "pydatatask_storage.related": ["RelatedItemRepository"],
            "pydatatask_storage.s3_info": ["S3BucketInfo"],
            "pydatatask_storage.s3_repository": ["S3BucketRepository"],
            "pydatatask_storage.yaml_files": ["YamlMetadataFileRepository"],
            "pydatatask_storage.yaml_metadata": ["YamlMetadataRepository"],
            "pydatatask_storage.yaml_s3": ["YamlMetadataS3Repository"],
        },
    )

__all__ = [
    "AggregateAndRepository",
    "AggregateOrRepository",
    "BlockingRepository",
    "DirectoryRepository",
    "DockerRepository",
    "FileRepository",
    "FileRepositoryBase",
    "InProcessBlobRepository",
    "InProcessBlobStream",
    "InProcessMetadataRepository",
    "MongoMetadataRepository",
    "RelatedItemRepository",
    "S3BucketInfo",
    "S3BucketRepository",
    "YamlMetadataFileRepository",
    "YamlMetadataRepository",
    "YamlMetadataS3Repository",
]
