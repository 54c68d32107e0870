"""Let Ctrl-C and Ctrl-\\ do what they do by default, whoever has started pytest.

A shell lets what it runs in the background ignore SIGINT and SIGQUIT. Whatever the tests start would inherit that, and
never end when it is interrupted. SIGHUP stays ignored under `nohup`, so that the tests survive the end of a session.
"""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Restore what a signal does where it is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
