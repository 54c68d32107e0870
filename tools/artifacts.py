"""Build the distributions, and look into what was built."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.metadata import Metadata
from packaging.requirements import Requirement

from tools.uv import uv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.workspace import Distribution


def build(distribution: Distribution, into: Path) -> None:
    """Build the sdist, and the wheel from the sdist."""
    uv("build", "--package", distribution.name, "--out-dir", into)


def empty_directory(path: Path) -> Path:
    """Make `path` a directory with nothing in it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def wheel_of(distribution: Distribution, directory: Path) -> Path:
    """Find the one wheel of a distribution."""
    (wheel,) = directory.glob(f"{distribution.import_name}-*.whl")
    return wheel


def sdist_of(distribution: Distribution, directory: Path) -> Path:
    """Find the one sdist of a distribution."""
    (sdist,) = directory.glob(f"{distribution.import_name}-*.tar.gz")
    return sdist


def problems(distribution: Distribution, directory: Path) -> Iterator[str]:
    """Tell what is wrong with the wheel and the sdist."""
    with zipfile.ZipFile(wheel_of(distribution, directory)) as wheel:
        names = set(wheel.namelist())
        (metadata_file,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(wheel.read(metadata_file))
    yield from _file_problems(distribution, names)
    yield from _metadata_problems(distribution, metadata)
    with tarfile.open(sdist_of(distribution, directory)) as sdist:
        packed = {name.partition("/")[2] for name in sdist.getnames()}
    for file in ("LICENSE", "README.md", "pyproject.toml", f"src/{distribution.import_name}/py.typed"):
        if file not in packed:
            yield f"the sdist of {distribution.name} has no {file}"


def _file_problems(distribution: Distribution, names: set[str]) -> Iterator[str]:
    source = distribution.source.parent
    expected = {str(path.relative_to(source)) for _, path in distribution.modules()}
    expected.add(f"{distribution.import_name}/py.typed")
    packaged = {name for name in names if ".dist-info/" not in name and not name.endswith("/")}
    yield from (f"the wheel of {distribution.name} has no {name}" for name in sorted(expected - packaged))
    stray = (name for name in packaged if not name.startswith(f"{distribution.import_name}/"))
    yield from (f"the wheel of {distribution.name} has the stray file {name}" for name in sorted(stray))
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        yield f"the wheel of {distribution.name} has no licence"


def _metadata_problems(distribution: Distribution, metadata: Metadata) -> Iterator[str]:
    project = distribution.project()
    if metadata.name != distribution.name or str(metadata.version) != project["version"]:
        yield f"{distribution.name}: the wheel says it is {metadata.name} {metadata.version}"
    if metadata.license_expression != "BSD-2-Clause":
        yield f"{distribution.name}: the wheel has no BSD-2-Clause licence expression"
    if not metadata.description:
        yield f"{distribution.name}: the wheel has no description"
    required = {requirement.name for requirement in metadata.requires_dist or () if requirement.marker is None}
    if required != (declared := _names(project.get("dependencies", []))):
        yield f"{distribution.name}: the wheel requires {sorted(required)}, not {sorted(declared)}"
    extras = project.get("optional-dependencies", {})
    if set(metadata.provides_extra or ()) != set(extras if isinstance(extras, dict) else {}):
        yield f"{distribution.name}: the wheel has other extras than pyproject.toml"


def _names(requirements: object) -> set[str]:
    return {Requirement(str(item)).name for item in requirements} if isinstance(requirements, list) else set()
