"""The recorded answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["INDEX", "PODS", "load", "load_bytes"]

_DIRECTORY = Path(__file__).parent / "recorded"


def load_bytes(name: str) -> bytes:
    return (_DIRECTORY / name).read_bytes()


def load(name: str) -> Any:
    return json.loads(load_bytes(f"{name}.json"))


INDEX: dict[str, Any] = load("index")
PODS = sorted(name.removesuffix(".json") for name in INDEX if name.startswith("pod-"))
