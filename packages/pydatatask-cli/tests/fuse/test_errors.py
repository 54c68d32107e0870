from __future__ import annotations

import errno

import pytest

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.fuse.errors import Refusal, errno_of, is_expected
from pydatatask_core.errors import (
    BrokenRecordError,
    InvalidJobIdError,
    JobNotFoundError,
    RecordTypeError,
    StoreFailedError,
    StoreRefusedError,
    StoreUnreachableError,
    UnknownRelationError,
    UnwritableStoreError,
    UsageError,
)


@pytest.mark.requirement("fuse.errors")
@pytest.mark.parametrize(
    ("error", "number"),
    [
        (Refusal(errno.EXDEV), errno.EXDEV),
        (JobNotFoundError("job", "somewhere"), errno.ENOENT),
        (UnknownRelationError("job"), errno.ENOENT),
        (InvalidJobIdError("job", "somewhere"), errno.EINVAL),
        (RecordTypeError("no record"), errno.EINVAL),
        (UsageError("no YAML"), errno.EINVAL),
        (BrokenRecordError("broken"), errno.EIO),
        (StoreRefusedError("no credentials"), errno.EACCES),
        (UnwritableStoreError("read-only"), errno.EACCES),
        (StoreUnreachableError("gone"), errno.EHOSTUNREACH),
        (StoreFailedError(errno.ENOSPC, "full"), errno.ENOSPC),
        (TimeoutError(), errno.ETIMEDOUT),
        (OSError(errno.EROFS, "read-only"), errno.EROFS),
        (CommandFailedError("what a record is, YAML cannot express"), errno.EIO),
        (ZeroDivisionError(), errno.EIO),
    ],
)
def test_errors_are_numbers_to_programs(error: Exception, number: int) -> None:
    assert errno_of(error) == number


def test_only_what_says_something_about_a_store_needs_words() -> None:
    assert is_expected(Refusal(errno.EPERM))
    assert is_expected(JobNotFoundError("job", "somewhere"))
    assert not is_expected(StoreUnreachableError("gone"))
