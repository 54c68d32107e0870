"""Mounting and unmounting, also by signals and after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.fuse_mount import SECONDS, Mount, command, sh


@pytest.fixture
def mounted(mounter: Callable[..., Mount]) -> Mount:
    """A mount of the test's own."""
    return mounter()


@pytest.mark.requirement("fuse.unmounts")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_unmount_it_whoever_is_using_it(mounted: Mount, number: signal.Signals, status: int) -> None:
    (mounted.blobs / "job1").write_text("text")
    user = subprocess.Popen(["sleep", "100"], cwd=mounted.link)
    try:
        with (mounted.link / "job1").open("rb"), (mounted.link / "job2").open("wb", buffering=0) as half:
            half.write(b"half of")
            assert mounted.end(number) == status
        pytest.fail("closing a file of a mount that has ended is an error")
    except OSError:
        assert not mounted.is_mounted()
    finally:
        user.kill()
        user.wait()
    assert os.listdir(mounted.path) == []
    assert os.listdir(mounted.blobs) == ["job1"]
    assert mounted.events() == ["closed"]
    _, errors = mounted.process.communicate(timeout=SECONDS)
    assert "work/blobs/job2 is lost" in errors
    assert "Traceback" not in errors


@pytest.mark.requirement("fuse.unmounts")
def test_fusermount_ends_it_with_success(mounted: Mount) -> None:
    sh(f"fusermount3 -u {mounted.path}", mounted.store)
    assert mounted.process.wait(SECONDS) == 0
    assert mounted.events() == ["closed"]
    assert mounted.process.communicate(timeout=SECONDS) == ("", "")


@pytest.mark.requirement("fuse.empty", "fuse.unmounts")
def test_what_was_closed_just_before_is_stored(mounted: Mount) -> None:
    (mounted.link / "job1").touch()
    mounted.end()
    assert mounted.events() == ["write job1", "closed"]


@pytest.mark.requirement("fuse.unmounts")
def test_it_can_be_mounted_again(mounter: Callable[..., Mount]) -> None:
    for mounted in (mounter() for _ in range(2)):
        (mounted.link / "job1").write_text("text")
        mounted.end()
        assert mounted.events()[-2:] == ["write job1", "closed"]


@pytest.mark.requirement("fuse.left-behind", "fuse.mountpoint")
def test_a_mount_that_was_left_behind_is_reported(mounter: Callable[..., Mount]) -> None:
    mounted = mounter()
    with (mounted.link / "job1").open("wb", buffering=0) as half:
        half.write(b"half of")
        mounted.end(signal.SIGKILL)
        with pytest.raises(OSError, match=r"not connected|aborted"):
            os.fsync(half.fileno())
        os.dup2(os.open(os.devnull, os.O_WRONLY), half.fileno())
    assert mounted.is_mounted()
    again = command(mounted.store, "fuse", str(mounted.path))
    output, errors = again.communicate(timeout=SECONDS)
    assert (again.returncode, output, len(errors.splitlines())) == (2, "", 1)
    assert "left behind" in errors
    sh(errors.partition("unmount it first: ")[2].strip(), mounted.store)
    assert os.listdir(mounter().blobs) == []


@pytest.mark.requirement("fuse.mountpoint")
@pytest.mark.parametrize(("path", "words"), [("missing", "make it first"), ("store", "not empty"), ("mnt", "already")])
def test_what_is_in_the_way_is_one_line(mounted: Mount, path: str, words: str) -> None:
    process = command(mounted.store, "fuse", str(mounted.store.parent / path))
    output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output, len(errors.splitlines())) == (2, "", 1)
    assert words in errors


def test_the_console_script_mounts_as_well(fuse_available: None, mounter: Callable[..., Mount], tmp_path: Path) -> None:
    mounted = mounter()
    mounted.end()
    console = Path(sys.executable).parent / "pydatatask"
    script = tmp_path / "pipeline.py"
    script.write_text("from integration.fuse_pipeline import pipeline\n")
    process = subprocess.Popen(
        [console, "-p", str(script), "fuse", str(mounted.path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"mounted")
        assert os.listdir(mounted.path) == ["work", "rest"]
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)
    assert process.returncode == 143
