"""The contracts and the scheduler of pydatatask: repositories, tasks, links, sessions, quotas, pipelines."""

from typing import TYPE_CHECKING

from pydatatask_core.roundrobin import roundrobin as roundrobin  # the module has the same name

if TYPE_CHECKING:
    from pydatatask_core.access import Access as Access
    from pydatatask_core.blobs import BlobRepository as BlobRepository
    from pydatatask_core.blobs import StreamBlobRepository as StreamBlobRepository
    from pydatatask_core.errors import PydatataskError as PydatataskError
    from pydatatask_core.links import Link as Link
    from pydatatask_core.metadata import MetadataRepository as MetadataRepository
    from pydatatask_core.pipeline import Pipeline as Pipeline
    from pydatatask_core.quantity import parse_quantity as parse_quantity
    from pydatatask_core.ready import ReadyRepository as ReadyRepository
    from pydatatask_core.repository import MapRepository as MapRepository
    from pydatatask_core.repository import Repository as Repository
    from pydatatask_core.resource_manager import ResourceManager as ResourceManager
    from pydatatask_core.resources import Resources as Resources
    from pydatatask_core.resources import ResourceType as ResourceType
    from pydatatask_core.session import Session as Session
    from pydatatask_core.sizes import SizedRepository as SizedRepository
    from pydatatask_core.streams import AReadStream as AReadStream
    from pydatatask_core.streams import AWriteStream as AWriteStream
    from pydatatask_core.streams import async_copyfile as async_copyfile
    from pydatatask_core.tasks import Task as Task
    from pydatatask_core.text_streams import AReadText as AReadText
    from pydatatask_core.text_streams import AWriteText as AWriteText
    from pydatatask_core.text_streams import async_copyfile_str as async_copyfile_str
    from pydatatask_core.translation import TranslatedRepository as TranslatedRepository
    from pydatatask_core.translation import resolve as resolve
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_core.access": ["Access"],
            "pydatatask_core.blobs": ["BlobRepository", "StreamBlobRepository"],
            "pydatatask_core.errors": ["PydatataskError"],
            "pydatatask_core.links": ["Link"],
            "pydatatask_core.metadata": ["MetadataRepository"],
            "pydatatask_core.pipeline": ["Pipeline"],
            "pydatatask_core.quantity": ["parse_quantity"],
            "pydatatask_core.ready": ["ReadyRepository"],
            "pydatatask_core.repository": ["MapRepository", "Repository"],
            "pydatatask_core.resource_manager": ["ResourceManager"],
            "pydatatask_core.resources": ["Resources", "ResourceType"],
            "pydatatask_core.session": ["Session"],
            "pydatatask_core.sizes": ["SizedRepository"],
            "pydatatask_core.streams": ["AReadStream", "AWriteStream", "async_copyfile"],
            "pydatatask_core.tasks": ["Task"],
            "pydatatask_core.text_streams": ["AReadText", "AWriteText", "async_copyfile_str"],
            "pydatatask_core.translation": ["TranslatedRepository", "resolve"],
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
