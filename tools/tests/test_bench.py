from __future__ import annotations

import json
import sys

import pytest

from tools.bench import child, registry
from tools.bench.goals import describe, is_met
from tools.bench.measure import Results, measure, run_script, time_command
from tools.bench.peers import PEERS
from tools.bench.table import as_json, render
from tools.bench.workload import (
    AtLeast,
    AtMost,
    CommandCase,
    FunctionCase,
    Goal,
    Metrics,
    PeerCase,
    ScriptCase,
    Workload,
)


async def coroutine() -> Metrics:
    return {"s": 2.0}


def workload(*goals: Goal) -> Workload:
    cases = [FunctionCase("bare", lambda: {"s": 1.0}), FunctionCase("ours", coroutine)]
    return Workload("w0", "nothing", cases, "bare", goals)


@pytest.fixture
def results() -> Results:
    results = Results(workload(AtMost("ours", "s", 3, times="bare"), AtLeast("ours", "jobs/s", 10)))
    for seconds in (1.0, 2.0, 9.0):
        results.add("bare", {"s": seconds})
        results.add("ours", {"s": seconds * 3, "jobs/s": 5})
    return results


def test_medians_and_ratios(results: Results) -> None:
    assert results.metrics() == ["s", "jobs/s"]
    assert results.median("ours", "s") == 6
    assert results.ratio("ours", "s", "bare") == 3
    assert results.median("bare", "jobs/s") is None


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (AtMost("ours", "s", 6), True),
        (AtMost("ours", "s", 5.9), False),
        (AtLeast("ours", "s", 6), True),
        (AtLeast("ours", "s", 6.1), False),
        (AtMost("ours", "s", 3, times="bare"), True),
        (AtMost("ours", "s", 2.9, times="bare"), False),
        (AtMost("bare", "jobs/s", 1), False),
    ],
)
def test_whether_a_goal_is_met(results: Results, goal: Goal, met: bool) -> None:
    assert is_met(goal, results) is met
    assert describe(goal, results).startswith("met" if met else "MISSED")


def test_the_table_has_a_row_per_case_and_a_line_per_goal(results: Results) -> None:
    lines = list(render(results))
    assert len(lines) == 2 + 2 + 2
    assert "(3.00)" in lines[3]


def test_the_json_has_every_run(results: Results) -> None:
    written = json.loads(json.dumps(as_json(results)))
    assert len(written["runs"]["ours"]) == 3
    assert [goal["met"] for goal in written["goals"]] == [True, False]


def test_a_command_is_timed() -> None:
    metrics = time_command(CommandCase("hello", [sys.executable, "-I", "-c", "print('hello')"]))
    assert metrics["ms"] > 0
    assert metrics["peak MiB"] > 1


def test_a_command_that_fails() -> None:
    with pytest.raises(RuntimeError, match="gone failed"):
        time_command(CommandCase("gone", ["false"]))


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(RuntimeError, match="gone failed"):
        time_command(CommandCase("gone", ["no-such-program"]))


def test_cases_take_turns_and_the_first_round_is_not_counted() -> None:
    turns: list[str] = []
    cases = [CommandCase("a", ["true"]), CommandCase("b", ["true"])]
    found = measure(Workload("w0", "nothing", cases, "a"), 2, turns.append)
    assert [turn.split()[-1] for turn in turns] == ["a", "b"] * 3
    assert {case: len(runs) for case, runs in found.runs.items()} == {"a": 2, "b": 2}


def test_a_function_case_runs_in_an_interpreter_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(child, "find", lambda name: workload())
    child.main(["w0", "ours"])
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["s"] == 2
    assert metrics["peak MiB"] > 1


def test_workloads_are_found_and_chosen_by_prefix() -> None:
    assert [chosen.name for chosen in registry.select(["w5"])] == ["w5"]
    assert len(registry.select([])) == len(registry.all_workloads())
    with pytest.raises(LookupError, match="no workload x9"):
        registry.select(["x9"])


def test_goals_and_baselines_name_cases_that_exist() -> None:
    for workload in registry.all_workloads().values():
        names = {case.name for case in workload.cases}
        named = {workload.baseline, *(goal.case for goal in workload.goals)}
        assert named | {goal.times for goal in workload.goals if goal.times} <= names


def test_a_workload_is_found_by_its_module_alone() -> None:
    for name in registry.all_workloads():
        assert registry.find(name).name == name
    with pytest.raises(LookupError, match="no workload w1-0"):
        registry.find("w1-0")


def test_a_script_measures_itself() -> None:
    script = "import os; assert not os.listdir(); print('noise'); print('{\"ms\": 3}')"
    assert run_script(ScriptCase("peer", [sys.executable, "-c", script])) == {"ms": 3}
    with pytest.raises(RuntimeError, match="peer failed"):
        run_script(ScriptCase("peer", ["false"]))


def test_peers_are_measured_on_demand() -> None:
    case = PeerCase(PEERS["doit"], ScriptCase("doit", ["true"]))
    alone = Workload("w0", "nothing", [CommandCase("bare", ["true"])], "bare", peers=[case])
    assert [case.name for case in alone.cases] == ["bare"]
    assert [case.name for case in alone.with_peers().cases] == ["bare", "doit"]
    assert [case.name for case in alone.with_peers({"luigi"}).cases] == ["bare"]


def test_a_workload_is_cleaned_up_also_where_it_fails() -> None:
    events: list[str] = []
    broken = Workload(
        "w0",
        "nothing",
        [CommandCase("gone", ["false"])],
        "gone",
        prepare=lambda: events.append("prepared"),
        clean_up=lambda: events.append("cleaned up"),
    )
    with pytest.raises(RuntimeError):
        measure(broken, 1, lambda text: None)
    assert events == ["prepared", "cleaned up"]
