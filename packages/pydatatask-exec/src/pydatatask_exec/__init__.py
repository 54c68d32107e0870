"""The tasks of pydatatask: functions in this process or an executor, local and SSH processes, Kubernetes pods."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydatatask_exec.executors.live import ExecutorLiveRepo as ExecutorLiveRepo
    from pydatatask_exec.executors.task import ExecutorTask as ExecutorTask
    from pydatatask_exec.executors.task import RemoteFunctionError as RemoteFunctionError
    from pydatatask_exec.functions.in_process import InProcessSyncTask as InProcessSyncTask
    from pydatatask_exec.functions.types import FunctionTaskProtocol as FunctionTaskProtocol
    from pydatatask_exec.functions.types import PlainFunctionProtocol as PlainFunctionProtocol
    from pydatatask_exec.functions.types import TaskFunction as TaskFunction
    from pydatatask_exec.kubernetes.cluster.client import RequestLimits as RequestLimits
    from pydatatask_exec.kubernetes.cluster.watch import WatchTimes as WatchTimes
    from pydatatask_exec.kubernetes.function_task import KubeFunctionTask as KubeFunctionTask
    from pydatatask_exec.kubernetes.live_pods import LiveKubeRepository as LiveKubeRepository
    from pydatatask_exec.kubernetes.manager import PodManager as PodManager
    from pydatatask_exec.kubernetes.task import KubeTask as KubeTask
    from pydatatask_exec.processes.local.manager import LocalLinuxManager as LocalLinuxManager
    from pydatatask_exec.processes.manager import AbstractProcessManager as AbstractProcessManager
    from pydatatask_exec.processes.ssh.connection import ReconnectingSSH as ReconnectingSSH
    from pydatatask_exec.processes.ssh.manager import SSHLinuxManager as SSHLinuxManager
    from pydatatask_exec.processes.stdout_marker import STDOUT as STDOUT
    from pydatatask_exec.processes.stdout_marker import StderrIsStdout as StderrIsStdout
    from pydatatask_exec.processes.task import ProcessTask as ProcessTask
    from pydatatask_exec.templates.template import Template as Template
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_exec.kubernetes.cluster.client": ["RequestLimits"],
            "pydatatask_exec.executors.live": ["ExecutorLiveRepo"],
            "pydatatask_exec.executors.task": ["ExecutorTask", "RemoteFunctionError"],
            "pydatatask_exec.functions.types": ["FunctionTaskProtocol", "PlainFunctionProtocol", "TaskFunction"],
            "pydatatask_exec.functions.in_process": ["InProcessSyncTask"],
            "pydatatask_exec.kubernetes.function_task": ["KubeFunctionTask"],
            "pydatatask_exec.kubernetes.task": ["KubeTask"],
            "pydatatask_exec.kubernetes.live_pods": ["LiveKubeRepository"],
            "pydatatask_exec.processes.local.manager": ["LocalLinuxManager"],
            "pydatatask_exec.kubernetes.manager": ["PodManager"],
            "pydatatask_exec.kubernetes.cluster.watch": ["WatchTimes"],
            "pydatatask_exec.processes.manager": ["AbstractProcessManager"],
            "pydatatask_exec.processes.task": ["ProcessTask"],
            "pydatatask_exec.processes.ssh.connection": ["ReconnectingSSH"],
            "pydatatask_exec.processes.ssh.manager": ["SSHLinuxManager"],
            "pydatatask_exec.processes.stdout_marker": ["STDOUT", "StderrIsStdout"],
            "pydatatask_exec.templates.template": ["Template"],
        },
    )

__all__ = [
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
    "PlainFunctionProtocol",
    "PodManager",
    "ProcessTask",
    "ReconnectingSSH",
    "RemoteFunctionError",
    "RequestLimits",
    "SSHLinuxManager",
    "StderrIsStdout",
    "TaskFunction",
    "Template",
    "WatchTimes",
]
