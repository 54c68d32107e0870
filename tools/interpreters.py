"""The versions of Python on this machine that we support."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.uv import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUPPORTED: Final = ("3.11", "3.12", "3.13", "3.14")
ASK: Final = "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2]); print(sys.implementation.name)"


def own() -> str:
    """Return the version of the Python that runs this."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def installed(environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Find one interpreter of each supported version: on PATH, where pyenv keeps them, and those that uv knows.

    :param environ: the environment, for PATH and PYENV_ROOT.
    """
    found: dict[str, Path] = {}
    for candidate in [*_on_path(environ), *_of_pyenv(environ), *_of_uv()]:
        answer = _ask(candidate)
        if answer is not None:
            found.setdefault(*answer)
    return dict(sorted(found.items()))


def _on_path(environ: Mapping[str, str]) -> Iterator[Path]:
    for version in SUPPORTED:
        if path := shutil.which(f"python{version}", path=environ.get("PATH", os.defpath)):
            yield Path(path)


def _of_pyenv(environ: Mapping[str, str]) -> Iterator[Path]:
    root = Path(environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(root.glob("versions/*/bin/python"))


def _of_uv() -> Iterator[Path]:
    argv = [program(), "python", "list", "--only-installed", "--no-python-downloads", "--output-format", "json"]
    # It warns of every shim of pyenv that has nothing behind it.
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    for python in json.loads(done.stdout):
        yield Path(python["path"])


def _ask(candidate: Path) -> tuple[str, Path] | None:
    """Ask an interpreter for its version; None if it is not one of ours, or a shim of pyenv with nothing behind it."""
    try:
        done = subprocess.run([candidate, "-Ic", ASK], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    path, version, implementation = done.stdout.splitlines()
    return (version, Path(path)) if version in SUPPORTED and implementation == "cpython" else None


def choose(wanted: str, found: Mapping[str, Path]) -> dict[str, Path]:
    """Return the interpreters that a person asks for.

    :param wanted: a version, `all`, or `newest`.
    :param found: the interpreters of this machine, by version, oldest first.
    :raises LookupError: there is none of that version.
    """
    if wanted == "all":
        return dict(found)
    version = list(found)[-1] if wanted == "newest" else wanted
    if version not in found:
        raise LookupError(f"there is no Python {version} here; there are {', '.join(found)}")
    return {version: found[version]}
