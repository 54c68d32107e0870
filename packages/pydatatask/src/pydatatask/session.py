"""Sessions, under the documented path."""

from pydatatask_core import Session as Session

__all__ = ["Session"]
