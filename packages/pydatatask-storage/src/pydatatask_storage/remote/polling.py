"""How often stores behind a network are polled."""

from __future__ import annotations

from typing import Final

__all__ = ["NETWORK_INTERVAL"]

NETWORK_INTERVAL: Final = 1.0
"""Seconds between two listings by the scheduler: each is a request, which costs money or counts against a limit."""
