"""Streams and copying, under the documented path."""

from pydatatask_core import AReadStream as AReadStream
from pydatatask_core import AReadText as AReadText
from pydatatask_core import AWriteStream as AWriteStream
from pydatatask_core import AWriteText as AWriteText
from pydatatask_core import async_copyfile as async_copyfile
from pydatatask_core import async_copyfile_str as async_copyfile_str
from pydatatask_core import roundrobin as roundrobin

__all__ = [
    "AReadStream",
    "AReadText",
    "AWriteStream",
    "AWriteText",
    "async_copyfile",
    "async_copyfile_str",
    "roundrobin",
]
