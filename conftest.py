"""What the tests of all packages share.

This is the only `conftest.py` outside of packages: the tests directories are no packages, and their modules
(fixtures in a module of its own, `core_fixtures.py` say) need names that are unique in the workspace.
"""

from __future__ import annotations

pytest_plugins = [
    "pytester",
    "tools.testing.blocking",
    "tools.testing.profiles",
    "tools.testing.requirement_ids",
    "tools.testing.skips",
]
