from __future__ import annotations

import os

from core_doubles import Records

from pydatatask_core.outcomes.claims import CLAIMS, Claims
from pydatatask_core.outcomes.recorder import Outcomes


def test_no_two_claims_are_alike() -> None:
    some, others = Claims(), Claims()
    claims = [made for maker in (some, others) for made in (maker.of_first, maker.next(), maker.next())]
    assert len(set(claims)) == 6


def test_a_forked_process_makes_other_claims() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, CLAIMS.of_first.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() not in {"", CLAIMS.of_first}


async def test_a_first_attempt_is_in_flight_whether_or_not_more_of_it_is_known() -> None:
    these = Outcomes("work", Records(), Records(), None)
    these.first["j"] = None
    assert these.claims() == {"j": CLAIMS.of_first}
    attempt = these.track_first("j")
    assert (attempt.number, attempt.claim, attempt.earlier) == (1, CLAIMS.of_first, None)
    assert these.claims() == {"j": CLAIMS.of_first}
    these.end("j")
    assert these.claims() == {}
