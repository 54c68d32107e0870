"""The administration interface of pydatatask: the commands, what they print, the shell and the FUSE mount."""

from typing import TYPE_CHECKING

from pydatatask_cli.main import main as main  # the module has the same name

if TYPE_CHECKING:
    from pydatatask_cli.commands.cat import cat_data as cat_data
    from pydatatask_cli.commands.inject import inject_data as inject_data
    from pydatatask_cli.commands.launch import launch as launch
    from pydatatask_cli.commands.ls import list_data as list_data
    from pydatatask_cli.commands.rm import delete_data as delete_data
    from pydatatask_cli.commands.run import run as run
    from pydatatask_cli.commands.shell import shell as shell
    from pydatatask_cli.commands.status import print_status as print_status
    from pydatatask_cli.commands.trace import print_trace as print_trace
    from pydatatask_cli.commands.update import update as update
else:
    from pydatatask_core.lazy_names import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_cli.commands.cat": ["cat_data"],
            "pydatatask_cli.commands.inject": ["inject_data"],
            "pydatatask_cli.commands.launch": ["launch"],
            "pydatatask_cli.commands.ls": ["list_data"],
            "pydatatask_cli.commands.rm": ["delete_data"],
            "pydatatask_cli.commands.run": ["run"],
            "pydatatask_cli.commands.shell": ["shell"],
            "pydatatask_cli.commands.status": ["print_status"],
            "pydatatask_cli.commands.trace": ["print_trace"],
            "pydatatask_cli.commands.update": ["update"],
        },
    )

__all__ = [
    "cat_data",
    "delete_data",
    "inject_data",
    "launch",
    "list_data",
    "main",
    "print_status",
    "print_trace",
    "run",
    "shell",
    "update",
]
