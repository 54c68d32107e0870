"""Redaction of credentials in messages: URLs in clients' errors may hold a user's name and password."""

from __future__ import annotations

import re
from typing import TypeVar

__all__ = ["secret_free", "without_secrets"]

E = TypeVar("E", bound=BaseException)

_USER_INFO = re.compile(r"(?<=://)[^/@\s\"']*@")


def without_secrets(error: object) -> str:
    """Return the text of an error without the part before the ``@`` of a URL; its type if it has no text.

    :param error: What a client raised, or a URL.
    """
    return _USER_INFO.sub("", str(error)) or type(error).__name__


def secret_free(error: E) -> E | None:
    """Return the error, so that it can be shown as a cause, unless its text holds credentials.

    :param error: What a client raised.
    """
    return None if _USER_INFO.search(str(error)) else error
