"""The repositories of pydatatask: files, YAML, memory, S3, MongoDB, Docker registries and combinators."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydatatask_storage.combinators.aggregate_and import AggregateAndRepository as AggregateAndRepository
    from pydatatask_storage.combinators.aggregate_or import AggregateOrRepository as AggregateOrRepository
    from pydatatask_storage.combinators.blocking import BlockingRepository as BlockingRepository
    from pydatatask_storage.combinators.related import RelatedItemRepository as RelatedItemRepository
    from pydatatask_storage.docker.repository import DockerRepository as DockerRepository
    from pydatatask_storage.files.base import FileRepositoryBase as FileRepositoryBase
    from pydatatask_storage.files.directories import DirectoryRepository as DirectoryRepository
    from pydatatask_storage.files.files import FileRepository as FileRepository
    from pydatatask_storage.memory.blobs import InProcessBlobRepository as InProcessBlobRepository
    from pydatatask_storage.memory.blobs import InProcessBlobStream as InProcessBlobStream
    from pydatatask_storage.memory.metadata import InProcessMetadataRepository as InProcessMetadataRepository
    from pydatatask_storage.mongo.repository import MongoMetadataRepository as MongoMetadataRepository
    from pydatatask_storage.s3.bucket_info import S3BucketInfo as S3BucketInfo
    from pydatatask_storage.s3.repository import S3BucketRepository as S3BucketRepository
    from pydatatask_storage.yaml.files import YamlMetadataFileRepository as YamlMetadataFileRepository
    from pydatatask_storage.yaml.outcomes import OutcomeFiles as OutcomeFiles
    from pydatatask_storage.yaml.outcomes import outcome_files as outcome_files
    from pydatatask_storage.yaml.repository import YamlMetadataRepository as YamlMetadataRepository
    from pydatatask_storage.yaml.s3 import YamlMetadataS3Repository as YamlMetadataS3Repository
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_storage.combinators.aggregate_and": ["AggregateAndRepository"],
            "pydatatask_storage.combinators.aggregate_or": ["AggregateOrRepository"],
            "pydatatask_storage.combinators.blocking": ["BlockingRepository"],
            "pydatatask_storage.files.directories": ["DirectoryRepository"],
            "pydatatask_storage.docker.repository": ["DockerRepository"],
            "pydatatask_storage.files.base": ["FileRepositoryBase"],
            "pydatatask_storage.files.files": ["FileRepository"],
            "pydatatask_storage.memory.blobs": ["InProcessBlobRepository", "InProcessBlobStream"],
            "pydatatask_storage.memory.metadata": ["InProcessMetadataRepository"],
            "pydatatask_storage.mongo.repository": ["MongoMetadataRepository"],
            "pydatatask_storage.combinators.related": ["RelatedItemRepository"],
            "pydatatask_storage.s3.bucket_info": ["S3BucketInfo"],
            "pydatatask_storage.s3.repository": ["S3BucketRepository"],
            "pydatatask_storage.yaml.files": ["YamlMetadataFileRepository"],
            "pydatatask_storage.yaml.outcomes": ["OutcomeFiles", "outcome_files"],
            "pydatatask_storage.yaml.repository": ["YamlMetadataRepository"],
            "pydatatask_storage.yaml.s3": ["YamlMetadataS3Repository"],
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
    "OutcomeFiles",
    "RelatedItemRepository",
    "S3BucketInfo",
    "S3BucketRepository",
    "YamlMetadataFileRepository",
    "YamlMetadataRepository",
    "YamlMetadataS3Repository",
    "outcome_files",
]
