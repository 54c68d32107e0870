"""The error for refused credentials; in a module of its own, since its base class comes with a heavy library."""

from __future__ import annotations

from dxf.exceptions import DXFUnauthorizedError

from pydatatask_core.errors import StoreRefusedError

__all__ = ["RegistryUnauthorizedError"]


class RegistryUnauthorizedError(StoreRefusedError, DXFUnauthorizedError):
    """A Docker registry refused the credentials that it was given."""
