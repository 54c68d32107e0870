"""The pytest plugins that the tests of all packages share; the root `conftest.py` loads them."""
