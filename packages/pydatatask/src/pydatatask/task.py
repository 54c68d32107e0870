"""Tasks and links, under the documented path."""

from pydatatask_core import Link as Link
from pydatatask_core import Task as Task
from pydatatask_exec import STDOUT as STDOUT
from pydatatask_exec import FunctionTaskProtocol as FunctionTaskProtocol
from pydatatask_exec import InProcessSyncTask as InProcessSyncTask
from pydatatask_exec import KubeFunctionTask as KubeFunctionTask
from pydatatask_exec import KubeTask as KubeTask

__all__ = ["STDOUT", "FunctionTaskProtocol", "InProcessSyncTask", "KubeFunctionTask", "KubeTask", "Link", "Task"]
