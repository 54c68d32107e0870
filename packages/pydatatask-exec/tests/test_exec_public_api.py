from __future__ import annotations

import subprocess
import sys

import pydatatask_exec


def test_the_public_names_are_stated_once_each() -> None:
    names = pydatatask_exec.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(pydatatask_exec, name) for name in names)


def test_importing_it_loads_nothing_heavy() -> None:
    script = "import sys, pydatatask_exec; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"jinja2", "yaml", "json", "networkx", "kubernetes_asyncio", "asyncssh", "importlib.metadata", "tempfile"}
    assert heavy.isdisjoint(loaded)
