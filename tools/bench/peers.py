"""Other systems to compare with, each in an environment of its own, made when it is asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tools.command import PYTHON, heading, must_run
from tools.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ENVIRONMENTS: Final = ROOT / ".tools" / "peers"
SCRIPTS: Final = ROOT / "tools" / "bench" / "peer_scripts"


@dataclass(frozen=True)
class Peer:
    """Another system."""

    name: str
    requirements: tuple[str, ...]
    """What to install."""

    @property
    def directory(self) -> Path:
        """Where its environment is."""
        return ENVIRONMENTS / self.name

    @property
    def python(self) -> str:
        """The interpreter of its environment."""
        return str(self.directory / "bin" / "python")

    def runs(self, workload: str, *arguments: object) -> list[str]:
        """Tell how to run our script for it, in its environment, with a workload and what that takes."""
        return [self.python, str(SCRIPTS / f"run_{self.name}.py"), workload, *map(str, arguments)]

    @property
    def is_installed(self) -> bool:
        """Whether the environment has been made, with just these requirements."""
        stamp = self.directory / ".requirements"
        return stamp.is_file() and stamp.read_text("utf-8").split() == list(self.requirements)


PEERS: Final = {
    peer.name: peer
    for peer in (
        Peer("known", ("pydatatask==0.4.7",)),
        Peer("doit", ("doit",)),
        Peer("luigi", ("luigi",)),
        Peer("dask", ("distributed",)),
        Peer("parsl", ("parsl",)),
    )
}
"""The systems by name. `known` is pydatatask as it was before this one, which is driven as any other: from outside."""


def install(peers: Iterable[Peer]) -> None:
    """Make the environments that are missing; bytecode is compiled, as it is in ours."""
    for peer in peers:
        if not peer.is_installed:
            heading(f"installing {' '.join(peer.requirements)} below {ENVIRONMENTS.relative_to(ROOT)}")
            must_run([PYTHON, "-m", "venv", "--clear", str(peer.directory)])
            must_run(
                [peer.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
            )
            must_run([peer.python, "-m", "compileall", "-q", "-j", "0", str(peer.directory / "lib")])
            (peer.directory / ".requirements").write_text(" ".join(peer.requirements), "utf-8")
            print(peer.name, "is ready", file=sys.stderr)
