"""Lazy loading of a package's public names: each name imports its module when it is first used.

A pod runs its pipeline's script once per job, so start-up time is throughput, and a script that only counts words
needs none of the code for pods, SSH, executors or S3, which is more than half. Type checkers see ordinary imports:

.. code-block:: python

    if TYPE_CHECKING:
        from pydatatask_storage.files.files import FileRepository as FileRepository
    else:
        __getattr__, __dir__ = lazy_names(__name__, {"pydatatask_storage.files.files": ["FileRepository"]})

``tools/dev check lazy`` compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

__all__ = ["lazy_names"]


def lazy_names(
    package: str, names: Mapping[str, Iterable[str]], modules: Iterable[str] = ()
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package (:pep:`562`).

    :param package: The package's full name.
    :param names: For the full name of each module, the public names that come from it.
    :param modules: Submodules of the package that are loaded by name as well.
    """
    sources = {name: module for module, its_names in names.items() for name in its_names}
    submodules = frozenset(modules)

    def __getattr__(name: str) -> object:
        if name in submodules:
            return import_module(f"{package}.{name}")
        source = sources.get(name)
        if source is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(source), name)
        setattr(sys.modules[package], name, value)  # the next access does not come here
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *sources, *submodules})

    return __getattr__, __dir__
