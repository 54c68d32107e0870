from __future__ import annotations

import copy
import pickle

from pydatatask_exec import STDOUT, StderrIsStdout


def test_stdout_looks_as_documented_and_is_one_of_a_kind() -> None:
    assert repr(STDOUT) == "<pydatatask.task._StderrIsStdout object>"
    assert list(StderrIsStdout) == [STDOUT]


def test_stdout_stays_itself_when_copied_or_sent_elsewhere() -> None:
    assert copy.deepcopy(STDOUT) is STDOUT
    assert pickle.loads(pickle.dumps(STDOUT)) is STDOUT
