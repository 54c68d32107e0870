"""What processes there are on this machine."""

from __future__ import annotations

from pathlib import Path


def command_line(pid: int | str) -> str:
    """Give the command line of a process, or nothing if there is no such process."""
    return _read(Path("/proc", str(pid), "cmdline"))


def processes_that_mention(text: str) -> list[str]:
    """Give the processes with a text in their command line or in the environment that they were started in."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*"):
        line = command_line(path.name)
        if text in line or text in _read(path / "environ"):
            found.append(f"{path.name}: {line}")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""  # it has just ended, or is somebody else's
