"""The tasks of pydatatask: functions in this process or an executor, local and SSH processes, Kubernetes pods."""

from __future__ import annotations

from pydatatask_exec.functions import FunctionTaskProtocol as FunctionTaskProtocol
from pydatatask_exec.functions import PlainFunctionProtocol as PlainFunctionProtocol
from pydatatask_exec.functions import TaskFunction as TaskFunction
from pydatatask_exec.inprocess import InProcessSyncTask as InProcessSyncTask
from pydatatask_exec.stdout_marker import STDOUT as STDOUT
from pydatatask_exec.stdout_marker import StderrIsStdout as StderrIsStdout
from pydatatask_exec.templates import Template as Template

__all__ = [
    "STDOUT",
    "FunctionTaskProtocol",
    "InProcessSyncTask",
    "PlainFunctionProtocol",
    "StderrIsStdout",
    "TaskFunction",
    "Template",
]
