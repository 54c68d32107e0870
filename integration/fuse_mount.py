"""Mount a pipeline for a test, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration import fuse_pipeline
from pydatatask_cli.fuse.mountpoint import DEVICE

SECONDS = 100
HINT = "tools/system-packages and then tools/dev setup install it"


@pytest.fixture(scope="session")
def fuse_available() -> None:
    """Skip what needs FUSE where it cannot be had."""
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        pytest.skip(f"{DEVICE} is not there, or may not be used")
    if importlib.util.find_spec("pyfuse3") is None:
        pytest.skip(f"pyfuse3 is not installed: {HINT}")
    if shutil.which("fusermount3") is None:
        pytest.skip(f"fusermount3 is not installed: {HINT}")


@dataclass
class Mount:
    """A mounted pipeline, and the process that serves it."""

    path: Path
    """Where it is mounted."""
    store: Path
    """The directory of its repositories."""
    process: subprocess.Popen[str]
    """Who serves it."""

    @property
    def link(self) -> Path:
        """The directory of the link that most tests use."""
        return self.path / "work/blobs"

    @property
    def blobs(self) -> Path:
        """Where that link's jobs really are."""
        return self.store / "blobs"

    def events(self) -> list[str]:
        """Give what has happened, in order."""
        file = self.store / "events"
        return file.read_text().splitlines() if file.exists() else []

    def is_mounted(self) -> bool:
        """Tell whether it is, or is left behind."""
        return f" {self.path} fuse.pydatatask " in Path("/proc/mounts").read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and give the exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def forget_peak_memory(self) -> None:
        """Begin anew to measure the memory."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_memory(self) -> int:
        """Give how many bytes of memory the process has used at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))


def sh(command: str, cwd: Path, check: bool = True) -> str:
    """Run a shell command, and give what it prints."""
    done = subprocess.run(
        ["bash", "-c", command], cwd=cwd, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def command(store: Path, *arguments: str, script: str = fuse_pipeline.__file__) -> subprocess.Popen[str]:
    """Begin to run the pipeline's script."""
    return subprocess.Popen(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, fuse_pipeline.VARIABLE: str(store)},
        start_new_session=True,
    )


def mount(store: Path, path: Path, script: str = fuse_pipeline.__file__) -> Mount:
    """Mount the pipeline."""
    process = command(store, "fuse", str(path), script=script)
    mounted = Mount(path, store, process)
    assert process.stdout is not None
    if not process.stdout.readline().startswith("mounted at"):
        _, errors = process.communicate(timeout=SECONDS)
        pytest.fail(f"it could not be mounted: {errors}")
    return mounted


def clear_up(mounted: Mount) -> None:
    """Leave nothing behind, whatever the test has done."""
    if mounted.process.poll() is None:
        mounted.process.terminate()
    try:
        mounted.process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        mounted.process.kill()
        mounted.process.communicate()
    if mounted.is_mounted():
        subprocess.run(["fusermount3", "-u", "-z", str(mounted.path)], check=False)


def _places(directory: Path) -> tuple[Path, Path]:
    store, path = directory / "store", directory / "mnt"
    for place in (store, store / "blobs", path):
        place.mkdir()
    return store, path


@pytest.fixture
def mounter(fuse_available: None, tmp_path: Path) -> Iterator[Callable[..., Mount]]:
    """Mount pipelines, as often as wanted, at the same place."""
    store, path = _places(tmp_path)
    mounts = []

    def mount_it(**options: str) -> Mount:
        mounts.append(mount(store, path, **options))
        return mounts[-1]

    yield mount_it
    for mounted in mounts:
        clear_up(mounted)


@pytest.fixture(scope="module")
def shared_mount(fuse_available: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mount]:
    """The pipeline, mounted for all tests of a module."""
    directory = tmp_path_factory.mktemp("fuse")
    mounted = mount(*_places(directory))
    yield mounted
    clear_up(mounted)


@pytest.fixture
def mounted(shared_mount: Mount) -> Mount:
    """The pipeline, mounted, with nothing in it that another test has left."""
    for link in ("blobs", "files", "directories"):
        directory = shared_mount.path / "work" / link
        for name in os.listdir(directory):
            (directory / name).unlink()
    (shared_mount.store / "events").unlink(missing_ok=True)
    return shared_mount
