from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from core_doubles import Records
from core_outcome_tasks import FakeClock
from typing_extensions import override

from pydatatask_core.outcomes.recorder import Outcomes
from pydatatask_core.outcomes.repair import OutcomeRepair

ENDED = datetime(2026, 1, 1, tzinfo=UTC)
FAILURE = {"kind": "exit", "attempt": 1, "claim": "c", "end_time": ENDED}


class Versioned(Records):
    """Records whose revision is what is in them."""

    @override
    async def revision(self) -> Hashable | None:
        await self.ask("revision")
        return frozenset(self.data)


async def none(_: AbstractSet[str]) -> AbstractSet[str]:
    return set()


async def test_where_there_are_no_failures_what_succeeds_costs_no_look() -> None:
    done, failures = Versioned(), Versioned()
    repair = OutcomeRepair(Outcomes("a", done, failures, None, FakeClock()), none)
    for number in range(3):
        await repair.look()
        await done.dump(f"j{number}", {"attempt": 1})
    before = failures.asked["list"], done.asked["revision"]
    for number in range(3, 10):
        await repair.look()
        await done.dump(f"j{number}", {"attempt": 1})
    assert (failures.asked["list"], done.asked["revision"]) == before
    assert done.asked["list"] == done.asked["contained"] == 0


async def test_a_failure_that_comes_later_is_found_and_repaired() -> None:
    done, failures = Versioned({"j": {"attempt": 1, "claim": "c"}}), Versioned()
    repair = OutcomeRepair(Outcomes("a", done, failures, None, FakeClock()), none)
    for _ in range(3):
        assert await repair.look() == set()
    await failures.dump("j", FAILURE)
    assert await repair.look() == set()
    assert repair.has_suspects
    assert await repair.look() == {"j"}
    assert (list(failures.data), list(done.data)) == ([], ["j"])


async def test_a_success_beside_a_failure_that_is_there_is_found_and_repaired() -> None:
    done, failures = Versioned(), Versioned({"j": FAILURE})
    repair = OutcomeRepair(Outcomes("a", done, failures, None, FakeClock()), none)
    for _ in range(3):
        assert await repair.look() == set()
    await done.dump("j", {"attempt": 2, "claim": "d"})
    assert await repair.look() == set()
    assert await repair.look() == {"j"}
    assert (list(failures.data), list(done.data)) == ([], ["j"])
