"""Drive doit. It keeps its records in one file of its own."""

from common import count_words, fresh_files, main, timed
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain

QUIET = {"verbosity": 0, "reporter": "zero"}


def run(tasks):
    """Run task creators."""
    status = DoitMain(ModuleTaskLoader({"DOIT_CONFIG": QUIET, **tasks})).run(["run"])
    if status != 0:
        raise RuntimeError(f"doit ended with status {status}")


def chained(count, stages):
    """Run stages over dictionaries, and give the seconds."""
    stores = [{number: number for number in range(count)}, *({} for _ in range(stages))]

    def increment(stage, number):
        stores[stage + 1][number] = stores[stage][number] + 1

    def task_stage():
        for stage in range(stages):
            for number in range(count):
                before = [f"stage:{stage - 1}_{number}"] if stage else []
                yield {"name": f"{stage}_{number}", "actions": [(increment, [stage, number])], "task_dep": before}

    seconds = timed(lambda: run({"task_stage": task_stage}))
    if len(stores[-1]) != count:
        raise RuntimeError("the stages have not done what they should")
    return seconds


def w1(count, _=None):
    """Two stages, many jobs."""
    return {"runs/s": 2 * int(count) / chained(int(count), 2)}


def w2(count, place):
    """Files."""
    with fresh_files(int(count), place) as directory:

        def task_count():
            for number in range(int(count)):
                source, target = (f"{directory}/{name}/j{number}.txt" for name in ("texts", "counts"))
                yield {
                    "name": str(number),
                    "actions": [(count_words, [source, target])],
                    "file_dep": [source],
                    "targets": [target],
                }

        seconds = timed(lambda: run({"task_count": task_count}))
    return {"jobs/s": int(count) / seconds}


def w7(stages, _=None):
    """Five stages, one job."""
    return {"ms": chained(1, int(stages)) * 1000}


main({"w1": w1, "w2": w2, "w7": w7})
