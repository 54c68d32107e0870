"""Data pipelines over any storage and any runner: all documented names."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydatatask_cli import cat_data as cat_data
    from pydatatask_cli import delete_data as delete_data
    from pydatatask_cli import inject_data as inject_data
    from pydatatask_cli import launch as launch
    from pydatatask_cli import list_data as list_data
    from pydatatask_cli import main as main
    from pydatatask_cli import print_status as print_status
    from pydatatask_cli import print_trace as print_trace
    from pydatatask_cli import run as run
    from pydatatask_cli import shell as shell
    from pydatatask_cli import update as update
    from pydatatask_core import AReadStream as AReadStream
    from pydatatask_core import AReadText as AReadText
    from pydatatask_core import AWriteStream as AWriteStream
    from pydatatask_core import AWriteText as AWriteText
    from pydatatask_core import BlobRepository as BlobRepository
    from pydatatask_core import JobFailure as JobFailure
    from pydatatask_core import Link as Link
    from pydatatask_core import MapRepository as MapRepository
    from pydatatask_core import MetadataRepository as MetadataRepository
    from pydatatask_core import Pipeline as Pipeline
    from pydatatask_core import Repository as Repository
    from pydatatask_core import ResourceManager as ResourceManager
    from pydatatask_core import Resources as Resources
    from pydatatask_core import ResourceType as ResourceType
    from pydatatask_core import Retry as Retry
    from pydatatask_core import RetryRule as RetryRule
    from pydatatask_core import Session as Session
    from pydatatask_core import Task as Task
    from pydatatask_core import async_copyfile as async_copyfile
    from pydatatask_core import async_copyfile_str as async_copyfile_str
    from pydatatask_core import parse_quantity as parse_quantity
    from pydatatask_core import roundrobin as roundrobin
    from pydatatask_exec import STDOUT as STDOUT
    from pydatatask_exec import AbstractProcessManager as AbstractProcessManager
    from pydatatask_exec import ExecutorLiveRepo as ExecutorLiveRepo
    from pydatatask_exec import ExecutorTask as ExecutorTask
    from pydatatask_exec import FunctionTaskProtocol as FunctionTaskProtocol
    from pydatatask_exec import InProcessSyncTask as InProcessSyncTask
    from pydatatask_exec import KubeFunctionTask as KubeFunctionTask
    from pydatatask_exec import KubeTask as KubeTask
    from pydatatask_exec import LiveKubeRepository as LiveKubeRepository
    from pydatatask_exec import LocalLinuxManager as LocalLinuxManager
    from pydatatask_exec import PodManager as PodManager
    from pydatatask_exec import ProcessTask as ProcessTask
    from pydatatask_exec import SSHLinuxManager as SSHLinuxManager
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
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_cli": [
                "cat_data",
                "delete_data",
                "inject_data",
                "launch",
                "list_data",
                "print_status",
                "print_trace",
                "run",
                "shell",
                "update",
            ],
            "pydatatask_core": [
                "AReadStream",
                "AReadText",
                "AWriteStream",
                "AWriteText",
                "BlobRepository",
                "JobFailure",
                "Link",
                "MapRepository",
                "MetadataRepository",
                "Pipeline",
                "Repository",
                "ResourceManager",
                "Resources",
                "ResourceType",
                "Retry",
                "RetryRule",
                "Session",
                "Task",
                "async_copyfile",
                "async_copyfile_str",
                "parse_quantity",
                "roundrobin",
            ],
            "pydatatask_exec": [
                "STDOUT",
                "AbstractProcessManager",
                "ExecutorLiveRepo",
                "ExecutorTask",
                "FunctionTaskProtocol",
                "InProcessSyncTask",
                "KubeFunctionTask",
                "KubeTask",
                "LiveKubeRepository",
                "LocalLinuxManager",
                "PodManager",
                "ProcessTask",
                "SSHLinuxManager",
            ],
            "pydatatask_storage": [
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
                "outcome_files",
            ],
        },
        modules=[
            "fuse",
            "main",
            "pipeline",
            "pod_manager",
            "proc_manager",
            "repository",
            "resource_manager",
            "session",
            "task",
            "utils",
        ],
    )

__all__ = [
    "STDOUT",
    "AReadStream",
    "AReadText",
    "AWriteStream",
    "AWriteText",
    "AbstractProcessManager",
    "AggregateAndRepository",
    "AggregateOrRepository",
    "BlobRepository",
    "BlockingRepository",
    "DirectoryRepository",
    "DockerRepository",
    "ExecutorLiveRepo",
    "ExecutorTask",
    "FileRepository",
    "FileRepositoryBase",
    "FunctionTaskProtocol",
    "InProcessBlobRepository",
    "InProcessBlobStream",
    "InProcessMetadataRepository",
    "InProcessSyncTask",
    "JobFailure",
    "KubeFunctionTask",
    "KubeTask",
    "Link",
    "LiveKubeRepository",
    "LocalLinuxManager",
    "MapRepository",
    "MetadataRepository",
    "MongoMetadataRepository",
    "Pipeline",
    "PodManager",
    "ProcessTask",
    "RelatedItemRepository",
    "Repository",
    "ResourceManager",
    "ResourceType",
    "Resources",
    "Retry",
    "RetryRule",
    "S3BucketInfo",
    "S3BucketRepository",
    "SSHLinuxManager",
    "Session",
    "Task",
    "YamlMetadataFileRepository",
    "YamlMetadataRepository",
    "YamlMetadataS3Repository",
    "async_copyfile",
    "async_copyfile_str",
    "cat_data",
    "delete_data",
    "inject_data",
    "launch",
    "list_data",
    "main",
    "outcome_files",
    "parse_quantity",
    "print_status",
    "print_trace",
    "roundrobin",
    "run",
    "shell",
    "update",
]
