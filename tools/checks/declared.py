"""A package imports only what its distribution declares, and none of the heavy libraries when it is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from tools.checks.imports import Import, parse
from tools.checks.layers import LAYERS
from tools.checks.versions import requirements
from tools.workspace import Distribution, distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DISTRIBUTIONS: Final = {
    "aiobotocore": "aiobotocore",
    "aiohttp": "aiohttp",
    "asyncssh": "asyncssh",
    "botocore": "aiobotocore",
    "bson": "motor",
    "distributed": "distributed",
    "docker_registry_client_async": "docker-registry-client-async",
    "dxf": "python-dxf",
    "IPython": "ipython",
    "jinja2": "jinja2",
    "kubernetes_asyncio": "kubernetes-asyncio",
    "motor": "motor",
    "networkx": "networkx",
    "pyfuse3": "pyfuse3",
    "pymongo": "motor",
    "rich": "rich",
    "typing_extensions": "typing-extensions",
    "yaml": "pyyaml",
}
"""What brings an import name: the distribution that ours has to declare."""

TYPES_ONLY: Final = frozenset({"types_aiobotocore_s3", "_typeshed"})
"""What only a type checker sees: it stands under TYPE_CHECKING."""

TESTING_ONLY: Final = frozenset({"pytest", "hypothesis"})
"""What whoever runs a suite of `pydatatask_core.testing` has installed."""

LIGHT: Final = frozenset({"typing_extensions"})
"""Libraries that may be imported when the package is."""

LOADED_LATE: Final = ("pydatatask_storage.docker.client",)
"""Packages that are imported only where they are used, and so may import heavy libraries themselves."""

HEAVY_STANDARD: Final = frozenset({"argparse", "json", "importlib.metadata", "shutil", "tempfile", "multiprocessing"})
"""Modules of the standard library that cost too much at a start."""


def problems(root: Path) -> list[str]:
    """List imports that are not declared, and imports that would slow down `import pydatatask`."""
    return [
        f"{path.relative_to(root)}:{line}: {problem}"
        for distribution in distributions(root)
        for name, path in distribution.modules()
        for line, problem in _problems(distribution, name, path)
    ]


def _problems(distribution: Distribution, name: str, path: Path) -> Iterator[tuple[int, str]]:
    declared = {requirement.split("[")[0].split("=")[0].split(">")[0] for requirement in requirements(distribution)}
    for imported in parse(name, path).imports:
        problem = _undeclared(imported, declared, name) or _heavy(imported, name)
        if problem:
            yield imported.line, problem


def _top(imported: Import) -> str:
    return imported.module.partition(".")[0]


def _is_test_suite(module: str) -> bool:
    return module.startswith("pydatatask_core.testing")


def _is_loaded_late(module: str) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in LOADED_LATE)


def _undeclared(imported: Import, declared: set[str], module: str) -> str | None:
    top = _top(imported)
    if top in sys.stdlib_module_names or (top in TESTING_ONLY and _is_test_suite(module)):
        return None
    if top in TYPES_ONLY:
        return None if imported.deferred else f"{top} is for type checkers: import it under TYPE_CHECKING"
    wanted = top.replace("_", "-") if top in LAYERS else DISTRIBUTIONS.get(top)
    if wanted is None:
        return f"tools/checks/declared.py does not know what brings {top}"
    if top == module.partition(".")[0] or wanted in declared:
        return None
    return f"imports {top}, but the distribution does not declare {wanted}"


def _heavy(imported: Import, module: str) -> str | None:
    if imported.deferred or _is_test_suite(module) or _is_loaded_late(module):
        return None
    top = _top(imported)
    heavy = (top in DISTRIBUTIONS and top not in LIGHT) or _is_loaded_late(imported.bound)
    if heavy or {imported.module, imported.bound} & HEAVY_STANDARD:
        return f"imports {imported.module} when it is imported: move that into the function that uses it"
    return None
