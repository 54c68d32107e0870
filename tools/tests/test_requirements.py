from __future__ import annotations

import pytest

from tools.checks.requirement_list import RequirementListError, load
from tools.checks.requirements import problems
from tools.tests.fake_workspace import FakeWorkspace
from tools.workspace import ROOT

RULE = '["ids.length"]\nsentence = "An id has a length."\n'


def test_the_list_is_well_formed() -> None:
    assert load(ROOT)


def test_a_rule_with_its_test(workspace: FakeWorkspace) -> None:
    workspace.write("tools/requirements/ids.toml", RULE)
    workspace.write(
        "packages/pydatatask-core/tests/test_ids.py",
        "import pytest\n@pytest.mark.requirement('ids.length')\ndef test_it(): ...\n",
    )
    assert problems(workspace.root) == []


@pytest.mark.parametrize(
    "source",
    [
        "pytestmark = [pytest.mark.requirement('ids.length')]\n",
        "@pytest.mark.requirement('ids.length')\nclass TestIt: ...\n",
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=mark.requirement('ids.length'))])\ndef f(x): ...\n",
        "from pytest import mark\n@mark.requirement('ids.length')\nasync def f(): ...\n",
    ],
)
def test_where_a_marker_may_stand(workspace: FakeWorkspace, source: str) -> None:
    workspace.write("tools/requirements/ids.toml", RULE)
    workspace.write("integration/test_ids.py", source)
    assert problems(workspace.root) == []


def test_a_rule_without_a_test(workspace: FakeWorkspace) -> None:
    workspace.write("tools/requirements/ids.toml", RULE)
    (problem,) = problems(workspace.root)
    assert "ids.length has no test" in problem


def test_a_rule_of_a_later_milestone_needs_no_test(workspace: FakeWorkspace) -> None:
    workspace.write("tools/requirements/ids.toml", RULE + 'milestone = "polish"\n')
    assert problems(workspace.root) == []


def test_a_marker_without_a_rule(workspace: FakeWorkspace) -> None:
    workspace.write("tools/requirements/ids.toml", RULE + 'milestone = "polish"\n')
    workspace.write(
        "packages/pydatatask-core/tests/test_ids.py",
        "class TestIds:\n    @pytest.mark.requirement('ids.legnth')\n    def test_it(self): ...\n",
    )
    assert problems(workspace.root) == [
        "packages/pydatatask-core/tests/test_ids.py::TestIds::test_it: no requirement ids.legnth"
    ]


def test_a_marker_that_is_no_literal(workspace: FakeWorkspace) -> None:
    workspace.write("tools/requirements/ids.toml", RULE + 'milestone = "polish"\n')
    workspace.write("integration/test_ids.py", "ID = 'ids.length'\npytestmark = pytest.mark.requirement(ID)\n")
    (problem,) = problems(workspace.root)
    assert "literals" in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('["length"]\nsentence = "X."\n', "topic.name"),
        ('[ids.length]\nsentence = "X."\n', "topic.name"),
        ('["ids.length"]\n', "needs a sentence"),
        ('["ids.length"]\nsentence = "No stop"\n', "needs a sentence"),
        ('["ids.length"]\nsentence = "X."\ntests = []\n', "unknown fields tests"),
        ('["ids.length"]\nsentence = "X."\nmended = "yes"\n', "mended is true"),
        ('["ids.length"]\nsentence = "X."\nmilestone = "someday"\n', "the milestone is one of"),
    ],
)
def test_a_malformed_entry(workspace: FakeWorkspace, text: str, problem: str) -> None:
    workspace.write("tools/requirements/ids.toml", text)
    with pytest.raises(RequirementListError, match=problem):
        load(workspace.root)


def test_an_id_in_two_files(workspace: FakeWorkspace) -> None:
    workspace.write("tools/requirements/a.toml", RULE)
    workspace.write("tools/requirements/b.toml", RULE)
    with pytest.raises(RequirementListError, match=r"b\.toml: ids\.length: is in a\.toml already"):
        load(workspace.root)
