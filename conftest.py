"""Pytest plugins that the tests of all packages share.

This is the only `conftest.py` outside `integration/` and `tools/`. Fixtures and doubles of a package are modules of its
`tests/helpers`, which have names that are unique in the workspace, as tests import them by name alone.
"""

from __future__ import annotations

pytest_plugins = [
    "pytester",
    "tools.testing.blocking",
    "tools.testing.profiles",
    "tools.testing.requirement_ids",
    "tools.testing.signals",
    "tools.testing.skips",
    "tools.testing.workers",
]
