from __future__ import annotations

import pytest
from process_doubles import BlobReader

from pydatatask_exec.processes.outcomes.output_tail import TAIL_BYTES, read_tail, tail_text


def test_a_short_output_is_kept_as_it_is() -> None:
    assert tail_text("ä\n".encode()) == "ä\n"
    assert tail_text(b"\x80") == "�"


@pytest.mark.parametrize("shift", range(4))
def test_a_tail_begins_with_a_whole_character(shift: int) -> None:
    text = tail_text(("€" * TAIL_BYTES).encode() + b"." * shift)
    assert set(text) <= {"€", "."}
    assert TAIL_BYTES - 3 <= len(text.encode()) <= TAIL_BYTES


async def test_the_tail_of_a_stream_that_comes_in_pieces() -> None:
    content = bytes(range(256)) * 4096
    assert await read_tail(BlobReader(content)) == content[-TAIL_BYTES:]
    assert await read_tail(BlobReader(b"")) == b""
