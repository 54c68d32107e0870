"""Tasks and links, under the documented path."""

from pydatatask_core import JobFailure as JobFailure
from pydatatask_core import Link as Link
from pydatatask_core import Retry as Retry
from pydatatask_core import RetryRule as RetryRule
from pydatatask_core import Task as Task
from pydatatask_exec import STDOUT as STDOUT
from pydatatask_exec import ExecutorTask as ExecutorTask
from pydatatask_exec import FunctionTaskProtocol as FunctionTaskProtocol
from pydatatask_exec import InProcessSyncTask as InProcessSyncTask
from pydatatask_exec import KubeFunctionTask as KubeFunctionTask
from pydatatask_exec import KubeTask as KubeTask
from pydatatask_exec import ProcessTask as ProcessTask
from pydatatask_exec import StderrIsStdout

__all__ = [
    "STDOUT",
    "ExecutorTask",
    "FunctionTaskProtocol",
    "InProcessSyncTask",
    "JobFailure",
    "KubeFunctionTask",
    "KubeTask",
    "Link",
    "ProcessTask",
    "Retry",
    "RetryRule",
    "Task",
]

_StderrIsStdout = StderrIsStdout  # the documented name of STDOUT's type
