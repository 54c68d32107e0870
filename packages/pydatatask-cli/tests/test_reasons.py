from __future__ import annotations

import errno

from pydatatask_cli.reasons import reason, with_reasons
from pydatatask_core.errors import StoreError, StoreUnreachableError


def test_the_reason_of_a_failed_system_call_names_the_file() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/out/a.txt")
    assert reason(error) == "No space left on device: /out/a.txt"
    assert reason(OSError("odd")) == "OSError: odd"


def test_a_reason_that_the_message_has_is_not_repeated() -> None:
    error = StoreError("job a of out: No space left on device")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "/out/a.txt")
    assert with_reasons("task t failed", error) == "task t failed: job a of out: No space left on device"
    assert with_reasons(f"task t failed: {error}", error) == f"task t failed: {error}"


def test_the_system_call_behind_an_error_of_a_store_is_named() -> None:
    error = StoreUnreachableError("the bucket cannot be reached")
    error.__cause__ = ValueError("a client's own error")
    error.__cause__.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    assert with_reasons("listing failed.", error) == "listing failed: the bucket cannot be reached: Connection refused"


def test_an_error_without_a_message_is_named_by_its_type() -> None:
    assert with_reasons("launching failed", TimeoutError()) == "launching failed: TimeoutError"
