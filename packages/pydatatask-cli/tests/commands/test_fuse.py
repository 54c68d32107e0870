from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_pipelines import call_main, library

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.fuse import mountpoint
from pydatatask_cli.fuse.mountpoint import check_device, check_mountpoint
from pydatatask_cli.fuse.pyfuse3_api import load_fuse
from pydatatask_core.errors import MissingExtraError, UsageError


@pytest.fixture
def without_pyfuse3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyfuse3", None)


@pytest.mark.requirement("names.module-path-fuse")
def test_without_pyfuse3_it_says_what_to_install(
    without_pyfuse3: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(MissingExtraError, match=r"pydatatask-cli\[fuse\]"):
        load_fuse()
    assert call_main(monkeypatch, library().pipeline, "fuse", str(tmp_path)) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert "pip install 'pydatatask-cli[fuse]'" in errors


def test_it_is_on_the_menu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_main(monkeypatch, library().pipeline, "--help") == 0
    assert "Mount the pipeline as a file system" in capsys.readouterr().out


@pytest.mark.requirement("fuse.mountpoint")
def test_an_empty_directory_will_do_also_by_way_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert check_mountpoint(str(tmp_path / "link")) == str((tmp_path / "real").resolve())


@pytest.mark.requirement("fuse.mountpoint")
@pytest.mark.parametrize(
    ("name", "words"), [("missing", "make it first"), ("file", "Not a directory"), (".", "is not empty")]
)
def test_what_is_in_the_way_is_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=words):
        check_mountpoint(str(tmp_path / name))


def test_a_machine_without_fuse_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mountpoint, "DEVICE", str(tmp_path / "no-device"))
    with pytest.raises(CommandFailedError, match=r"there is no /.*no-device"):
        check_device()
