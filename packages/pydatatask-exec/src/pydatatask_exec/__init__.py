"""The tasks of pydatatask: functions in this process or an executor, local and SSH processes, Kubernetes pods."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydatatask_exec.cluster_client import RequestLimits as RequestLimits
    from pydatatask_exec.executor_live import ExecutorLiveRepo as ExecutorLiveRepo
    from pydatatask_exec.executor_task import ExecutorTask as ExecutorTask
    from pydatatask_exec.executor_task import RemoteFunctionError as RemoteFunctionError
    from pydatatask_exec.functions import FunctionTaskProtocol as FunctionTaskProtocol
    from pydatatask_exec.functions import PlainFunctionProtocol as PlainFunctionProtocol
    from pydatatask_exec.functions import TaskFunction as TaskFunction
    from pydatatask_exec.inprocess import InProcessSyncTask as InProcessSyncTask
    from pydatatask_exec.kube_function_task import KubeFunctionTask as KubeFunctionTask
    from pydatatask_exec.kube_task import KubeTask as KubeTask
    from pydatatask_exec.live_pods import LiveKubeRepository as LiveKubeRepository
    from pydatatask_exec.local_manager import LocalLinuxManager as LocalLinuxManager
    from pydatatask_exec.pod_manager import PodManager as PodManager
    from pydatatask_exec.pod_watch import WatchTimes as WatchTimes
    from pydatatask_exec.process_manager import AbstractProcessManager as AbstractProcessManager
    from pydatatask_exec.process_task import ProcessTask as ProcessTask
    from pydatatask_exec.ssh_connection import ReconnectingSSH as ReconnectingSSH
    from pydatatask_exec.ssh_manager import SSHLinuxManager as SSHLinuxManager
    from pydatatask_exec.stdout_marker import STDOUT as STDOUT
    from pydatatask_exec.stdout_marker import StderrIsStdout as StderrIsStdout
    from pydatatask_exec.templates import Template as Template
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_exec.cluster_client": ["RequestLimits"],
            "pydatatask_exec.executor_live": ["ExecutorLiveRepo"],
            "pydatatask_exec.executor_task": ["ExecutorTask", "RemoteFunctionError"],
            "pydatatask_exec.functions": ["FunctionTaskProtocol", "PlainFunctionProtocol", "TaskFunction"],
            "pydatatask_exec.inprocess": ["InProcessSyncTask"],
            "pydatatask_exec.kube_function_task": ["KubeFunctionTask"],
            "pydatatask_exec.kube_task": ["KubeTask"],
            "pydatatask_exec.live_pods": ["LiveKubeRepository"],
            "pydatatask_exec.local_manager": ["LocalLinuxManager"],
            "pydatatask_exec.pod_manager": ["PodManager"],
            "pydatatask_exec.pod_watch": ["WatchTimes"],
            "pydatatask_exec.process_manager": ["AbstractProcessManager"],
            "pydatatask_exec.process_task": ["ProcessTask"],
            "pydatatask_exec.ssh_connection": ["ReconnectingSSH"],
            "pydatatask_exec.ssh_manager": ["SSHLinuxManager"],
            "pydatatask_exec.stdout_marker": ["STDOUT", "StderrIsStdout"],
            "pydatatask_exec.templates": ["Template"],
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
