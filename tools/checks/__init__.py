"""Checks of the repository: each module has a function `problems(root)` that lists what is wrong."""
