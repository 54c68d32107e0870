from __future__ import annotations

from collections.abc import Set as AbstractSet

from core_doubles import Records
from core_tasks import InProcess, Recording

from pydatatask_core.scheduling.events import TaskEventListener, event_listeners
from pydatatask_core.scheduling.readiness_checker import CheckQueue
from pydatatask_core.tasks.task import Task


class Heard:
    """Records what the listeners of some tasks pass on."""

    def __init__(self, *tasks: Task) -> None:
        self.scheduled: list[Task] = []
        self.reconciles = 0
        self.updates: list[Task] = []
        self.changes: list[tuple[Task, str]] = []
        self.queues = {task: CheckQueue(task, lambda found: self.scheduled.append(found.task)) for task in tasks}
        self.listeners: dict[Task, TaskEventListener] = event_listeners(
            self.queues, self._reconcile, self.updates.append, lambda task, job: self.changes.append((task, job))
        )

    def _reconcile(self) -> None:
        self.reconciles += 1

    def complete(self, task: Task, job: str) -> None:
        task.listener = self.listeners[task]
        task.completed(job)


def two_stages() -> tuple[Recording, Recording]:
    first, second = Recording("first"), Recording("second")
    first.given("a")
    first.link("target", Records(name="target"), is_output=True)
    second.plug(first)
    return first, second


def test_a_job_that_is_done_is_checked_once_for_each_task_that_follows() -> None:
    first, second = two_stages()
    heard = Heard(first, second)
    heard.complete(first, "a")
    assert heard.scheduled == [second]
    assert heard.queues[second].take() == {"a"}
    assert heard.reconciles == 0


def test_a_job_that_is_done_is_not_checked_for_its_own_task_nor_for_those_before() -> None:
    first, second = two_stages()
    heard = Heard(first, second)
    heard.complete(second, "a")
    assert heard.scheduled == []


def test_a_job_that_others_see_under_another_id_asks_for_a_reconcile() -> None:
    first, second = Recording("first"), Recording("second")
    first.given("a")
    first.link("target", Records(name="target"), is_output=True)
    second.plug(first, translator=Records(name="names"))
    heard = Heard(first, second)
    heard.complete(first, "a")
    assert heard.reconciles == 1


def test_a_job_that_lives_elsewhere_changes_with_each_event_but_not_one_that_is_its_launch() -> None:
    first, second = Recording("first"), InProcess("second")
    heard = Heard(first, second)
    for task in (first, second):
        task.listener = heard.listeners[task]
        task.changed(task.done, "a")
    assert heard.changes == [(first, "a")]


def test_without_a_listener_an_event_is_lost() -> None:
    first, _ = two_stages()
    first.completed("a")


def test_jobs_to_check_come_in_batches_in_the_order_in_which_they_were_added() -> None:
    queue = CheckQueue(Recording("task"), lambda found: None)
    jobs = [f"j{number}" for number in range(600)]
    for job in jobs:
        queue.add(job)
    batches: list[AbstractSet[str]] = []
    while queue:
        batches.append(queue.take())
    assert batches == [set(jobs[:256]), set(jobs[256:512]), set(jobs[512:])]


def test_a_job_that_is_added_twice_is_checked_once() -> None:
    queue = CheckQueue(Recording("task"), lambda found: None)
    queue.add("a")
    queue.add("a")
    assert queue.take() == {"a"}
    assert not queue
