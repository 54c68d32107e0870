"""What the tests of all packages share."""

from __future__ import annotations
