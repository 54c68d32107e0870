"""Where processes run, under the documented path."""

from pydatatask_exec import AbstractProcessManager as AbstractProcessManager
from pydatatask_exec import LocalLinuxManager as LocalLinuxManager
from pydatatask_exec import SSHLinuxManager as SSHLinuxManager

__all__ = ["AbstractProcessManager", "LocalLinuxManager", "SSHLinuxManager"]
