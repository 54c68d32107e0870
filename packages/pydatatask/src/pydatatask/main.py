"""The command line, under the documented path: a module that can be called as the function ``main``."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from pydatatask_cli import main as main

if TYPE_CHECKING:
    from pydatatask_cli import cat_data as cat_data
    from pydatatask_cli import delete_data as delete_data
    from pydatatask_cli import inject_data as inject_data
    from pydatatask_cli import launch as launch
    from pydatatask_cli import list_data as list_data
    from pydatatask_cli import print_status as print_status
    from pydatatask_cli import print_trace as print_trace
    from pydatatask_cli import run as run
    from pydatatask_cli import shell as shell
    from pydatatask_cli import update as update
else:
    from pydatatask_core.lazy_names import lazy_names

    # The program calls one of them at most, and has to load that alone.
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "pydatatask_cli": [
                "cat_data",
                "delete_data",
                "inject_data",
                "launch",
                "list_data",
                "print_status",
                "print_trace",
                "run",
                "shell",
                "update",
            ]
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


class _CallableModule(ModuleType):
    """Lets ``pydatatask.main(pipeline)`` and ``pydatatask.main.main(pipeline)`` work, whatever was imported first.

    The import system makes this module the attribute ``main`` of the package, so the module itself must be callable.
    """

    __call__ = staticmethod(main)


sys.modules[__name__].__class__ = _CallableModule
