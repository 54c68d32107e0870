from __future__ import annotations

import pytest

from pydatatask_cli.terminal.records import parse_record, record_text


@pytest.mark.requirement("yaml.numbers")
@pytest.mark.parametrize("record", ["1e5", {"sha": "12e4"}, {"loss": 1e-05}, [1e22, "1E+2"], "12e4567"])
def test_what_is_printed_is_read_as_it_was(record: object) -> None:
    assert parse_record(record_text(record, "it").encode()) == record


@pytest.mark.requirement("yaml.numbers")
def test_a_number_with_an_exponent_is_a_number() -> None:
    assert parse_record(b'{"loss": 1e-05}') == {"loss": 1e-05}
