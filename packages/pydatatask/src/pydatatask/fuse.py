"""The pipeline as a file system, under the documented path."""

from pydatatask_cli.commands.fuse import fuse as fuse

__all__ = ["fuse"]
