from __future__ import annotations

import signal

import pytest

from tools.testing.signals import pytest_configure

SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def _handlers(monkeypatch: pytest.MonkeyPatch, before: object) -> dict[signal.Signals, object]:
    """Return the handlers that are set where all signals were handled as given before."""
    handlers = dict.fromkeys(SIGNALS, before)
    monkeypatch.setattr(signal, "getsignal", handlers.__getitem__)
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    pytest_configure()
    return dict(handlers)


def test_an_interruption_that_was_ignored_is_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _handlers(monkeypatch, signal.SIG_IGN) == {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGQUIT: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_IGN,
    }


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.default_int_handler])
def test_a_signal_that_is_not_ignored_is_left_alone(monkeypatch: pytest.MonkeyPatch, before: object) -> None:
    assert set(_handlers(monkeypatch, before).values()) == {before}
