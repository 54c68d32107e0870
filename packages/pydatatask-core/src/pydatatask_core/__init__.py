"""The contracts and the scheduler of pydatatask: repositories, tasks, links, sessions, quotas, pipelines."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydatatask_core.errors import PydatataskError as PydatataskError
    from pydatatask_core.outcomes.job_failure import JobFailure as JobFailure
    from pydatatask_core.outcomes.retry_policy import Retry as Retry
    from pydatatask_core.outcomes.retry_policy import RetryRule as RetryRule
    from pydatatask_core.pipeline import Pipeline as Pipeline
    from pydatatask_core.quotas.quantity import parse_quantity as parse_quantity
    from pydatatask_core.quotas.resource_manager import ResourceManager as ResourceManager
    from pydatatask_core.quotas.resources import Resources as Resources
    from pydatatask_core.quotas.resources import ResourceType as ResourceType
    from pydatatask_core.repositories.access import Access as Access
    from pydatatask_core.repositories.blobs import BlobRepository as BlobRepository
    from pydatatask_core.repositories.blobs import StreamBlobRepository as StreamBlobRepository
    from pydatatask_core.repositories.metadata import MetadataRepository as MetadataRepository
    from pydatatask_core.repositories.readiness import ReadyRepository as ReadyRepository
    from pydatatask_core.repositories.repository import MapRepository as MapRepository
    from pydatatask_core.repositories.repository import Repository as Repository
    from pydatatask_core.repositories.sizes import SizedRepository as SizedRepository
    from pydatatask_core.repositories.translation import TranslatedRepository as TranslatedRepository
    from pydatatask_core.repositories.translation import resolve as resolve
    from pydatatask_core.sessions.session import Session as Session
    from pydatatask_core.streams.byte_streams import AReadStream as AReadStream
    from pydatatask_core.streams.byte_streams import AWriteStream as AWriteStream
    from pydatatask_core.streams.byte_streams import async_copyfile as async_copyfile
    from pydatatask_core.streams.roundrobin import roundrobin as roundrobin
    from pydatatask_core.streams.text import AReadText as AReadText
    from pydatatask_core.streams.text import AWriteText as AWriteText
    from pydatatask_core.streams.text import async_copyfile_str as async_copyfile_str
    from pydatatask_core.tasks.links import Link as Link
    from pydatatask_core.tasks.task import Task as Task
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_core.repositories.access": ["Access"],
            "pydatatask_core.repositories.blobs": ["BlobRepository", "StreamBlobRepository"],
            "pydatatask_core.errors": ["PydatataskError"],
            "pydatatask_core.tasks.links": ["Link"],
            "pydatatask_core.repositories.metadata": ["MetadataRepository"],
            "pydatatask_core.outcomes.job_failure": ["JobFailure"],
            "pydatatask_core.outcomes.retry_policy": ["Retry", "RetryRule"],
            "pydatatask_core.pipeline": ["Pipeline"],
            "pydatatask_core.quotas.quantity": ["parse_quantity"],
            "pydatatask_core.repositories.readiness": ["ReadyRepository"],
            "pydatatask_core.repositories.repository": ["MapRepository", "Repository"],
            "pydatatask_core.quotas.resource_manager": ["ResourceManager"],
            "pydatatask_core.quotas.resources": ["Resources", "ResourceType"],
            "pydatatask_core.sessions.session": ["Session"],
            "pydatatask_core.repositories.sizes": ["SizedRepository"],
            "pydatatask_core.streams.byte_streams": ["AReadStream", "AWriteStream", "async_copyfile"],
            "pydatatask_core.tasks.task": ["Task"],
            "pydatatask_core.streams.roundrobin": ["roundrobin"],
            "pydatatask_core.streams.text": ["AReadText", "AWriteText", "async_copyfile_str"],
            "pydatatask_core.repositories.translation": ["TranslatedRepository", "resolve"],
        },
        modules=["errors", "testing"],
    )

__all__ = [
    "AReadStream",
    "AReadText",
    "AWriteStream",
    "AWriteText",
    "Access",
    "BlobRepository",
    "JobFailure",
    "Link",
    "MapRepository",
    "MetadataRepository",
    "Pipeline",
    "PydatataskError",
    "ReadyRepository",
    "Repository",
    "ResourceManager",
    "ResourceType",
    "Resources",
    "Retry",
    "RetryRule",
    "Session",
    "SizedRepository",
    "StreamBlobRepository",
    "Task",
    "TranslatedRepository",
    "async_copyfile",
    "async_copyfile_str",
    "parse_quantity",
    "resolve",
    "roundrobin",
]
